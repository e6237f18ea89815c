"""What a virtual board's Docker Engine is given: a runtime called `nvidia`, and the registry, which has no TLS."""

from __future__ import annotations

import msgspec

from jetson_deploy.rehearsal.engine import SHIM
from jetson_deploy.rehearsal.fleet.layer import File

_PLACE = "usr/local/bin/nvidia-container-runtime"


def engine_files(registry: str) -> dict[str, File]:
    """`registry`: HOST:PORT, as the board sees it."""
    configuration = {"runtimes": {"nvidia": {"path": f"/{_PLACE}"}}, "insecure-registries": [registry]}
    return {
        _PLACE: File(SHIM.encode(), 0o755),
        "etc/docker/daemon.json": File(msgspec.json.encode(configuration)),
    }
