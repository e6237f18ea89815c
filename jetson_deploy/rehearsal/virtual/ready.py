"""Is this machine able to build a base image, and to run a virtual board?"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping

from jetson_deploy.errors import PreflightError
from jetson_deploy.own_copy import own_copy
from jetson_deploy.rehearsal.processes import SBIN

TO_RUN = {
    "qemu-system-aarch64": "qemu-system-arm",
    "qemu-img": "qemu-utils",
    "fdtput": "device-tree-compiler",
    "ssh": "openssh-client",
}
TO_BUILD = {
    "mmdebstrap": "mmdebstrap",
    "arch-test": "arch-test",
    "qemu-aarch64-static": "qemu-user-static",
    "mke2fs": "e2fsprogs",
    "depmod": "kmod",
}

OLDEST = (6, 7)
"""Linux that has a table of binary formats for each user namespace: `private_binfmt`."""


def missing_packages(programs: Mapping[str, str]) -> list[str]:
    path = f"{os.environ.get('PATH', '')}:{SBIN}"
    return sorted({package for program, package in programs.items() if shutil.which(program, path=path) is None})


def check_run() -> None:
    """Raises PreflightError where no board can be run."""
    _check_root("virtual boards need root: their disks hold another system's root")
    _check_programs(TO_RUN, "a virtual board needs")


def check_build() -> None:
    """Raises PreflightError where no base image can be built."""
    _check_root("a base image needs root: it is another system's root directory for a while")
    _check_programs(TO_BUILD, "a base image needs")
    check_kernel(os.uname().release)


def check_kernel(release: str) -> None:
    """Raises PreflightError where arm64 programs cannot be run in a namespace alone."""
    found = re.match(r"(\d+)\.(\d+)", release)
    if found and (int(found[1]), int(found[2])) < OLDEST:
        raise PreflightError(
            f"a base image is built with Linux {OLDEST[0]}.{OLDEST[1]} or newer, and this is {release}",
            hint="build it on such a machine, and copy its ~/.cache/jetson-deploy/virtual here: it runs here, too",
            code="kernel-too-old",
        )


def _check_root(problem: str) -> None:
    if os.geteuid() != 0:
        raise PreflightError(problem, hint="run it with sudo", code="not-root")


def _check_programs(programs: Mapping[str, str], words: str) -> None:
    if missing := " ".join(missing_packages(programs)):
        hint = f"sudo apt-get install -y --no-install-recommends {missing}{own_copy().does_it('virtual-board')}"
        raise PreflightError(f"{words} {missing}", hint=hint, code="programs-missing")
