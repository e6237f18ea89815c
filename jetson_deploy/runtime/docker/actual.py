"""The actual settings of a container, in the terms of its spec, from Docker's inspect answers. Pure.

Settings that the image adds by itself are separated; a field that Docker does not report stays None.
"""

from __future__ import annotations

import posixpath
from typing import Any

from jetson_deploy.runtime.port import ActualContainer
from jetson_deploy.spec import HealthCheck, MountSpec

_NANOSECONDS = 1_000_000_000
_LIMITS = (
    *("Memory", "MemoryReservation", "NanoCpus", "CpuShares", "CpuQuota", "CpusetCpus", "CpusetMems"),
    "BlkioWeight",
)


def as_actual(container: dict[str, Any], image: dict[str, Any] | None) -> ActualContainer:
    """From `GET /containers/N/json` and `GET /images/ID/json`; `image` None: it is gone."""
    config, host = container.get("Config") or {}, container.get("HostConfig") or {}
    given = (image or {}).get("Config") or {}
    logs = host.get("LogConfig") or {}
    return ActualContainer(
        container_id=str(container.get("Id", "")),
        name=str(container.get("Name", "")).lstrip("/"),
        image_id=container.get("Image") or None,
        image=config.get("Image"),
        entrypoint=_texts(config.get("Entrypoint")),
        command=_texts(config.get("Cmd")),
        environment=_environment(config.get("Env")),
        image_environment=_environment(given.get("Env")) if image is not None else None,
        mounts=_mounts(container, given),
        tmpfs=host.get("Tmpfs") or {},
        runtime=host.get("Runtime"),
        network=host.get("NetworkMode"),
        restart=(host.get("RestartPolicy") or {}).get("Name") or "no",
        init=host.get("Init"),
        cap_drop=_texts(host.get("CapDrop")),
        cap_add=_texts(host.get("CapAdd")),
        privileged=bool(host.get("Privileged")),
        security_opt=_texts(host.get("SecurityOpt")),
        pids_limit=host.get("PidsLimit"),
        oom_score_adj=host.get("OomScoreAdj"),
        log_driver=logs.get("Type"),
        log_options=logs.get("Config") or {},
        health=_health(config.get("Healthcheck")),
        stop_seconds=config.get("StopTimeout"),
        limits={key: str(host[key]) for key in _LIMITS if host.get(key)},
        user=_user(config, image),
        devices=tuple(str(d.get("PathOnHost")) for d in host.get("Devices") or ()),
        labels=config.get("Labels") or {},
    )


def _user(config: dict[str, Any], image: dict[str, Any] | None) -> str:
    """The user of an image that is gone is unknown."""
    user = str(config.get("User") or "")
    return "" if image is None or user == str((image.get("Config") or {}).get("User") or "") else user


def _texts(value: list[str] | str | None) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value or ())


def _environment(lines: list[str] | None) -> dict[str, str]:
    return {key: value for key, _, value in (line.partition("=") for line in lines or ())}


def _mounts(container: dict[str, Any], image: dict[str, Any]) -> tuple[MountSpec, ...]:
    """Without the volumes that the image declares."""
    declared = {posixpath.normpath(path) for path in image.get("Volumes") or {}}  # the engine cleans paths
    return tuple(
        MountSpec(
            source=str(m.get("Source") or m.get("Name") or ""),
            target=str(m.get("Destination", "")),
            read_only=not m.get("RW", True),
        )
        for m in container.get("Mounts") or ()
        if m.get("Type") == "bind" or (m.get("Type") == "volume" and image and m.get("Destination") not in declared)
    )


def _health(found: dict[str, Any] | None) -> HealthCheck | None:
    if not found:
        return None
    test = _texts(found.get("Test"))
    return HealthCheck(
        command=test[1:] if test[:1] == ("CMD",) else test,
        interval_seconds=int(found.get("Interval") or 0) // _NANOSECONDS,
        timeout_seconds=int(found.get("Timeout") or 0) // _NANOSECONDS,
        start_period_seconds=int(found.get("StartPeriod") or 0) // _NANOSECONDS,
        retries=int(found.get("Retries") or 0),
    )
