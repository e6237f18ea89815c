"""What a Docker Engine would answer of the fake's containers, and the settings of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from container import FakeContainer

from jetson_deploy.facts import EngineAnswers
from jetson_deploy.runtime.port import ActualContainer, PulledImage


def answers_of(
    containers: Sequence[FakeContainer], images: Sequence[PulledImage], runtimes: Sequence[str], architecture: str
) -> EngineAnswers:
    return EngineAnswers(
        version={"Version": "27.5.1", "Arch": architecture},
        info={
            "Runtimes": {name: {} for name in runtimes},
            "DockerRootDir": "/var/lib/docker",
            "Architecture": architecture,
            "CgroupDriver": "systemd",
            "CgroupVersion": "2",
            "Driver": "overlay2",
            "ServerVersion": "27.5.1",
        },
        containers=[_listed(one) for one in containers],
        images=[_image(one) for one in images],
    )


def _listed(one: FakeContainer) -> dict[str, Any]:
    return {
        "Id": one.id,
        "Names": [f"/{one.name}"],
        "State": one.state,
        "Image": one.image,
        "ImageID": one.image_id,
        "Labels": dict(one.labels),
    }


def _image(one: PulledImage) -> dict[str, Any]:
    return {
        "Id": one.id,
        "RepoTags": [name for name in one.references if "@" not in name],
        "RepoDigests": [name for name in one.references if "@" in name],
        "Size": one.size_bytes,
    }


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
