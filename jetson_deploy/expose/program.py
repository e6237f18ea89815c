"""The haproxy of this host: found, its version read, and asked what it says of a configuration."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
from pathlib import Path

import msgspec

from jetson_deploy.errors import InternalError, PreflightError
from jetson_deploy.expose.haproxy_config import EMPTY_ROOT, LOWEST, USER

_PLACES = "/usr/sbin:/usr/local/sbin:/sbin"
_VERSION = re.compile(r"version ([0-9]+)\.([0-9]+)[.\-0-9a-z]*")
_INSTALL = "sudo apt-get install haproxy; offline: its .deb file, from a machine that has a network"


class Program(msgspec.Struct, frozen=True):
    path: str
    version: str

    def check(self, config: Path) -> None:
        """Raises InternalError `door-config-refused` with what it said: the configuration is ours."""
        done = subprocess.run([self.path, "-c", "-f", str(config)], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            said = [line for line in (done.stderr + done.stdout).splitlines() if "ALERT" in line]
            raise InternalError(
                f"haproxy {self.version} refuses the configuration: {(said or ['it does not say why'])[0][:300]}",
                hint="please report this; nothing was changed",
                code="door-config-refused",
                details=tuple(said),
            )


def find_program() -> Program:
    """Raises PreflightError: `haproxy-missing`, `haproxy-too-old`, `haproxy-user-missing`."""
    path = shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:{_PLACES}")
    if path is None:
        raise PreflightError("haproxy is not installed", hint=_INSTALL, code="haproxy-missing")
    done = subprocess.run([path, "-v"], capture_output=True, text=True, check=False)
    found = _VERSION.search(done.stdout)
    lowest = ".".join(map(str, LOWEST))
    if not found or (int(found[1]), int(found[2])) < LOWEST:
        what = f"is {found[1]}.{found[2]}" if found else "does not say its version"
        raise PreflightError(
            f"{path} {what}, and {lowest} is the lowest that can do this",
            hint=f"install haproxy {lowest} or newer: Debian 11 and Ubuntu 22.04 have it, Ubuntu 20.04 does not",
            code="haproxy-too-old",
        )
    try:
        pwd.getpwnam(USER)
    except KeyError as error:
        raise PreflightError(
            f"there is no user {USER}, as which HAProxy runs", hint=_INSTALL, code="haproxy-user-missing"
        ) from error
    if not Path(EMPTY_ROOT).is_dir():
        raise PreflightError(f"{EMPTY_ROOT} is no directory", hint=_INSTALL, code="haproxy-user-missing")
    return Program(path, found[0].removeprefix("version "))
