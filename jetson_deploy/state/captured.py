"""The state of a deployment below a captured root: a report holds it."""

from __future__ import annotations

from pathlib import Path

from jetson_deploy.deployment.revisions import State
from jetson_deploy.detect.host import Host
from jetson_deploy.state.directory import STATE
from jetson_deploy.state.state_file import MOST_BYTES, decode_state

FOLDER = "var/lib/jetson-deploy"


def captured_state(root: Path, deployment: str) -> State | None:
    """None: it holds none that can be used. Raises PreflightError `state-newer`."""
    name = f"{FOLDER}/{deployment}/{STATE}"
    content = Host(root).read_bytes(name, limit=MOST_BYTES, quiet=True)
    return decode_state(content, root / name, deployment).state if content is not None else None
