"""This very version of the tool installed on a virtual board, offline, as a fleet installs it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from jetson_deploy.errors import PreflightError
from jetson_deploy.events import Reporter
from jetson_deploy.install.machine import BOARD, LINK, PREFIX, PROBE, read_machine
from jetson_deploy.install.target import Target
from jetson_deploy.install.wheelhouse import make
from jetson_deploy.rehearsal.cache import cache_directory
from jetson_deploy.rehearsal.virtual.machine import Machine

SENT = "/run/jetson-deploy-package.tar"
"""The package on the board: wheels/, and what pip is to install of them."""
_SECONDS = 1800.0


def send_tool(machine: Machine, report: Reporter) -> dict[str, str]:
    """The package for the board's Python, to SENT there; what `install_sent` is given.

    Raises PreflightError, NetworkError where the wheels cannot be fetched.
    """
    answer = machine.ssh(f"sh -s -- prefix={PREFIX} link={LINK} name=none", stdin=PROBE.read_text(), seconds=_SECONDS)
    found = read_machine(answer.stdout)
    python = found.best_python() if found else None
    if found is None or python is None or found.glibc is None:
        raise _failed(machine, answer.stderr or answer.stdout)
    target = Target(python=python.version, machine=python.machine, glibc=found.glibc)
    package = make(target, cache=cache_directory().parent, report=report)
    machine.put([package.path], SENT)
    return {
        "prefix": PREFIX,
        "link": LINK,
        "name": package.install_name,
        "version": package.version,
        "package": SENT,
        "sha256": package.sha256,
        "need_kib": str(package.need_kib),
        "python": python.path,
    }


def install_sent(machine: Machine, values: Mapping[str, str]) -> None:
    """Raises PreflightError."""
    words = shlex.join(f"{name}={value}" for name, value in values.items())
    done = machine.ssh(f"sh -s -- {words}", stdin=BOARD.read_text(), seconds=_SECONDS)
    if done.returncode != 0:
        raise _failed(machine, done.stderr or done.stdout)


def _failed(machine: Machine, said: str) -> PreflightError:
    last = (said.strip() or "no reason given").splitlines()[-1]
    return PreflightError(
        f"the tool cannot be installed on {machine.wanted.name}: {last[:300]}",
        hint=f"see {machine.console}",
        code="board-command-failed",
    )
