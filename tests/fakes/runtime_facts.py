"""The fake's containers and images as facts, and the settings of one."""

from __future__ import annotations

from collections.abc import Sequence

from container import FakeContainer

from jetson_deploy.facts import ContainerFacts, EngineFacts, ImageFacts
from jetson_deploy.runtime.port import ActualContainer, PulledImage


def facts_of(
    containers: Sequence[FakeContainer], images: Sequence[PulledImage], runtimes: Sequence[str], architecture: str
) -> EngineFacts:
    return EngineFacts(
        reachable=True,
        version="27.5.1",
        runtimes=tuple(sorted(runtimes)),
        data_root="/var/lib/docker",
        cgroup_driver="systemd",
        cgroup_version="2",
        storage_driver="overlay2",
        snap=False,
        architecture=architecture,
        containers=tuple(map(_container, containers)),
        images=tuple(ImageFacts(id=i.id, references=i.references, size_bytes=i.size_bytes) for i in images),
    )


def _container(one: FakeContainer) -> ContainerFacts:
    return ContainerFacts(id=one.id, name=one.name, state=one.state, image=one.image, labels=dict(one.labels))


def details_of(one: FakeContainer, image: PulledImage | None) -> ActualContainer:
    """As the container was created, with the policy and the labels that it has now."""
    spec = one.spec
    return ActualContainer(
        container_id=one.id,
        name=one.name,
        image_id=one.image_id or None,
        image=one.image,
        entrypoint=spec.entrypoint if spec else (),
        command=spec.command if spec else (),
        environment=dict(spec.environment) if spec else {},
        image_environment={} if image else None,
        mounts=spec.mounts if spec else (),
        tmpfs=dict(spec.tmpfs) if spec else {},
        runtime=spec.runtime if spec else None,
        network=spec.network if spec else None,
        restart=one.restart,
        init=spec.init if spec else None,
        cap_drop=spec.cap_drop if spec else (),
        cap_add=(),
        privileged=False,
        security_opt=spec.security_opt if spec else (),
        pids_limit=spec.pids_limit if spec else None,
        oom_score_adj=spec.oom_score_adj if spec else None,
        log_driver=spec.log_driver if spec else None,
        log_options=dict(spec.log_options) if spec else {},
        health=spec.health if spec else None,
        stop_seconds=spec.stop_seconds if spec else None,
        limits={},
        user="",
        devices=(),
        labels=dict(one.labels),
    )
