"""A container spec as the Docker Engine's own create request."""

from __future__ import annotations

from typing import Any

import docker
from docker.types import Healthcheck, LogConfig, Mount, Ulimit

from jetson_deploy.spec import ContainerSpec, HealthCheck

_NANOSECONDS = 1_000_000_000


def creation(client: docker.APIClient, spec: ContainerSpec) -> dict[str, Any]:
    """Keyword arguments of `APIClient.create_container` for this spec; pure."""
    return {
        "image": spec.image,
        "entrypoint": list(spec.entrypoint),
        "command": list(spec.command),
        "environment": dict(spec.environment),
        "labels": dict(spec.labels),
        "detach": True,
        "tty": False,
        "stdin_open": False,
        "healthcheck": _health(spec.health),
        "stop_timeout": spec.stop_seconds,
        "use_config_proxy": False,  # the environment is the plan's alone
        "host_config": client.create_host_config(**_host_config(spec)),
    }


def _host_config(spec: ContainerSpec) -> dict[str, Any]:
    return {
        # `Mount`, not `volumes`: a missing source is then refused, not made as an empty directory.
        "mounts": [Mount(target=m.target, source=m.source, type="bind", read_only=m.read_only) for m in spec.mounts],
        "tmpfs": dict(spec.tmpfs),
        "runtime": spec.runtime,
        "network_mode": spec.network,
        "restart_policy": {"Name": spec.restart},
        "init": spec.init,
        "cap_drop": list(spec.cap_drop),
        "security_opt": list(spec.security_opt),
        "pids_limit": spec.pids_limit,
        "oom_score_adj": spec.oom_score_adj,
        "log_config": LogConfig(type=spec.log_driver, config=dict(spec.log_options)),
        # A core file of a server with a loaded model is as large as the board's memory.
        "ulimits": [Ulimit(name="core", soft=0, hard=0)],
    }


def _health(health: HealthCheck) -> Healthcheck:
    return Healthcheck(
        test=["CMD", *health.command],
        interval=health.interval_seconds * _NANOSECONDS,
        timeout=health.timeout_seconds * _NANOSECONDS,
        start_period=health.start_period_seconds * _NANOSECONDS,
        retries=health.retries,
    )
