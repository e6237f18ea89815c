"""The settings of an instance, in the terms of its spec. Pure.

Its unit is written from the spec: what still stands there as it was written is as the spec says, and every other line
is shown as it is now.
"""

from __future__ import annotations

from jetson_deploy.runtime.port import ActualContainer
from jetson_deploy.runtime.systemd.instance import Instance


def as_actual(one: Instance, policy: str, changed: tuple[dict[str, str], dict[str, str]]) -> ActualContainer:
    spec = one.spec
    return ActualContainer(
        container_id=one.id,
        name=one.name,
        image_id=one.image_id,
        image=spec.image,
        entrypoint=spec.entrypoint,
        command=spec.command,
        environment=dict(spec.environment),
        image_environment={},
        mounts=spec.mounts,
        tmpfs=dict(spec.tmpfs),
        runtime=spec.runtime,
        network=spec.network,
        restart=policy,
        init=spec.init,
        cap_drop=spec.cap_drop,
        cap_add=(),
        privileged=False,
        security_opt=spec.security_opt,
        pids_limit=spec.pids_limit,
        oom_score_adj=spec.oom_score_adj,
        log_driver=spec.log_driver,
        log_options=dict(spec.log_options),
        health=spec.health,
        stop_seconds=spec.stop_seconds,
        limits={},
        user="",
        devices=(),
        labels=dict(spec.labels),
        unit_written=changed[0],
        unit_found=changed[1],
    )
