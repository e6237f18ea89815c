"""The settings of a container, as data: written by `plan/`, applied by `runtime/`."""

from __future__ import annotations

import msgspec


class MountSpec(msgspec.Struct, frozen=True, kw_only=True):
    source: str
    target: str
    read_only: bool


class HealthCheck(msgspec.Struct, frozen=True, kw_only=True):
    command: tuple[str, ...]
    """argv inside the container."""
    interval_seconds: int
    timeout_seconds: int
    start_period_seconds: int
    retries: int


class ContainerSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Everything `docker create` is given. Two equal specs are one deployment."""

    image: str
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    environment: dict[str, str]
    mounts: tuple[MountSpec, ...]
    tmpfs: dict[str, str]
    runtime: str | None
    network: str
    restart: str
    init: bool
    cap_drop: tuple[str, ...]
    security_opt: tuple[str, ...]
    pids_limit: int
    oom_score_adj: int
    log_driver: str
    log_options: dict[str, str]
    health: HealthCheck
    stop_seconds: int
    labels: dict[str, str]
