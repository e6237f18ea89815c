"""Is this machine able to rehearse a fleet?"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from jetson_deploy.errors import PreflightError
from jetson_deploy.rehearsal.fleet.boot import SYSTEMD
from jetson_deploy.rehearsal.processes import SBIN

PROGRAMS = {
    "ssh": "openssh-client",
    "sudo": "sudo",
    "sshd": "openssh-server",
    "dbus-daemon": "dbus",
    "ip": "iproute2",
    "iptables": "iptables",
    "unshare": "util-linux",
    "pivot_root": "util-linux",
    "docker-registry": "docker-registry",
}
_INSTANCES = Path("/proc/sys/fs/inotify/max_user_instances")


def missing_packages() -> list[str]:
    path = f"{os.environ.get('PATH', '')}:{SBIN}"
    missing = {package for program, package in PROGRAMS.items() if shutil.which(program, path=path) is None}
    return sorted(missing if SYSTEMD.exists() else missing | {"systemd"})


def check_here() -> None:
    """Raises PreflightError where boards cannot be rehearsed."""
    if os.geteuid() != 0:
        raise PreflightError(
            "a rehearsed fleet needs root: it makes namespaces and boots a systemd in each",
            hint="run it with sudo",
            code="not-root",
        )
    if packages := " ".join(missing_packages()):
        raise PreflightError(
            f"a rehearsed fleet needs {packages}",
            hint=f"sudo apt-get install -y --no-install-recommends {packages}",
            code="programs-missing",
        )


def raise_limit(count: int, file: Path = _INSTANCES) -> None:
    """Three for each board, of 128 for all that root runs: no namespace has a number of its own. It stays raised."""
    wanted = 128 + 8 * count
    if int(file.read_text()) < wanted:
        file.write_text(str(wanted))
