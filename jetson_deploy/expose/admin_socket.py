"""HAProxy's own socket for changes while it runs: one command, its answer."""

from __future__ import annotations

import re
import socket
from pathlib import Path

from jetson_deploy.errors import PreflightError

_SECONDS = 10.0
_LARGEST = 1 << 20
_PID = re.compile(r"^Pid: ([0-9]+)$", re.M)


class NotRunningError(Exception):
    """Nothing listens there."""


def tell(path: Path, command: str) -> str:
    """What it said, without blanks around. Raises NotRunningError; PreflightError `door-not-reached`."""
    try:
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(_SECONDS)
            link.connect(str(path))
            link.sendall(f"{command}\n".encode())
            said = b""
            while (piece := link.recv(65536)) and len(said) < _LARGEST:
                said += piece
    except (FileNotFoundError, ConnectionRefusedError) as error:
        raise NotRunningError from error
    except OSError as error:
        raise PreflightError(
            f"HAProxy's socket {path} cannot be used: {error.strerror or error}",
            hint="run with sudo; systemctl status 'jetson-deploy-expose@*' tells how it is",
            code="door-not-reached",
        ) from error
    return said.decode(errors="replace").strip()


def worker_pid(path: Path) -> int | None:
    """Of the process that takes new connections. None: none does. Raises as `tell`."""
    try:
        found = _PID.search(tell(path, "show info"))
    except NotRunningError:
        return None
    return int(found[1]) if found else None
