"""Daemons of a rehearsal: started detached, waited for, ended by pid."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from jetson_deploy.errors import PreflightError

PACKAGES = {
    "dockerd": "docker.io",
    "docker-registry": "docker-registry",
    "runc": "runc",
    "iptables": "iptables",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "ldd": "libc-bin",
}
SBIN = "/usr/sbin:/sbin:/usr/local/sbin"


def check_programs() -> None:
    """Refuse when a program is missing, with the command that installs them all."""
    path = f"{os.environ.get('PATH', '')}:{SBIN}"
    missing = [name for name in PACKAGES if shutil.which(name, path=path) is None]
    if missing:
        packages = " ".join(sorted({PACKAGES[name] for name in missing}))
        raise PreflightError(
            f"a rehearsal needs {', '.join(missing)}",
            hint=f"sudo apt-get install -y --no-install-recommends {packages} (scripts/up does it)",
            code="programs-missing",
        )


def spawn(argv: list[str], log: Path) -> int:
    """Start a daemon that outlives us; its pid. Its end is seen by `alive`, which takes the zombie away."""
    environment = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:{SBIN}"}
    with log.open("ab") as out:
        process = subprocess.Popen(
            argv, stdout=out, stderr=out, stdin=subprocess.DEVNULL, start_new_session=True, env=environment
        )
    process.returncode = 0  # else Python warns that nobody waited for it
    return process.pid


def wait_until(ready: Callable[[], bool], pid: int, what: str, log: Path, seconds: float = 30.0) -> None:
    """Poll `ready`. Raises PreflightError with the log's last line when the daemon died or is late."""
    deadline = time.monotonic() + seconds
    while not ready():
        if not alive(pid) or time.monotonic() > deadline:
            lines = log.read_text(errors="replace").splitlines() if log.exists() else []
            raise PreflightError(
                f"{what} did not come up: {lines[-1][:300] if lines else 'it said nothing'}",
                hint=f"see {log}",
                code="part-did-not-start",
            )
        time.sleep(0.05)


def alive(pid: int) -> bool:
    """A zombie of ours counts as dead."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def end(pid: int, seconds: float = 20.0) -> None:
    """SIGTERM, and SIGKILL when that is not heard."""
    for number, patience in ((signal.SIGTERM, seconds), (signal.SIGKILL, 5.0)):
        if not alive(pid):
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + patience
        while alive(pid) and time.monotonic() < deadline:
            time.sleep(0.05)
