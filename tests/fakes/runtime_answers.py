"""What a Docker Engine would tell of the fake's containers: the raw answers that facts and drift are read from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from container import FakeContainer

from jetson_deploy.facts import EngineAnswers
from jetson_deploy.runtime.port import Inspected, PulledImage
from jetson_deploy.spec import ContainerSpec

_NANOSECONDS = 1_000_000_000


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


def details_of(one: FakeContainer, image: PulledImage | None) -> Inspected:
    """As the container was created, with the policy and the labels that it has now."""
    container: dict[str, Any] = {
        "Id": one.id,
        "Name": f"/{one.name}",
        "Image": one.image_id,
        "Config": {"Image": one.image, "Labels": dict(one.labels)},
        "HostConfig": {"RestartPolicy": {"Name": one.restart}},
        "Mounts": [],
    }
    if one.spec is not None:
        container["Config"] |= _config(one.spec)
        container["HostConfig"] |= _host(one.spec)
        container["Mounts"] = [
            {"Type": "bind", "Source": m.source, "Destination": m.target, "RW": not m.read_only}
            for m in one.spec.mounts
        ]
    return Inspected(container=container, image={**_image(image), "Config": {}} if image else None)


def _config(spec: ContainerSpec) -> dict[str, Any]:
    health = spec.health
    return {
        "Entrypoint": [*spec.entrypoint],
        "Cmd": [*spec.command],
        "Env": [f"{key}={value}" for key, value in spec.environment.items()],
        "StopTimeout": spec.stop_seconds,
        "Healthcheck": {
            "Test": ["CMD", *health.command],
            "Interval": health.interval_seconds * _NANOSECONDS,
            "Timeout": health.timeout_seconds * _NANOSECONDS,
            "StartPeriod": health.start_period_seconds * _NANOSECONDS,
            "Retries": health.retries,
        },
    }


def _host(spec: ContainerSpec) -> dict[str, Any]:
    return {
        "Tmpfs": dict(spec.tmpfs),
        "Runtime": spec.runtime,
        "NetworkMode": spec.network,
        "Init": spec.init,
        "CapDrop": [*spec.cap_drop],
        "SecurityOpt": [*spec.security_opt],
        "PidsLimit": spec.pids_limit,
        "OomScoreAdj": spec.oom_score_adj,
        "LogConfig": {"Type": spec.log_driver, "Config": dict(spec.log_options)},
    }
