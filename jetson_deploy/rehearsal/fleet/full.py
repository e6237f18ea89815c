"""Full boards: a real Docker Engine as a unit there, with a runtime called `nvidia`; what it serves is real."""

from __future__ import annotations

import json

from jetson_deploy.rehearsal.engine import SHIM
from jetson_deploy.rehearsal.fleet.layer import File
from jetson_deploy.rehearsal.fleet.site import ADDRESS

UNIT = "docker.service"
_SERVICE = """\
[Unit]
Description=Docker Application Container Engine

[Service]
ExecStart=/usr/sbin/dockerd --host unix:///run/docker.sock --storage-driver overlay2 --log-level warn
Restart=on-failure
RestartSec=1
KillMode=process
Delegate=yes
"""
_RUNTIME = "usr/local/bin/nvidia-container-runtime"
DISK = """\
mkdir -p $here/docker $root/var/lib/docker
mount --bind $here/docker $root/var/lib/docker
"""
"""Commands of its first process: an engine's layers cannot lie on an overlay."""


def full_files() -> dict[str, File]:
    configuration = {
        "runtimes": {"nvidia": {"path": f"/{_RUNTIME}"}},
        "insecure-registries": [ADDRESS],
        "max-download-attempts": 2,
    }
    return {
        f"usr/lib/systemd/system/{UNIT}": File(_SERVICE.encode()),
        "etc/docker/daemon.json": File(json.dumps(configuration).encode()),
        _RUNTIME: File(SHIM.encode(), 0o755),
    }
