"""Rehearsed boards for the tests of the fleet: each with its own systemd, D-Bus, sshd and captured root.

def test_…():
    with booted_boards(3) as fleet:
        fleet.ssh(fleet.places[0], "systemctl is-system-running")
        controller(fleet, "fleet", "hosts", "-i", str(fleet.inventory))
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from jetson_deploy.rehearsal.controller import controller_environment as of_controller
from jetson_deploy.rehearsal.fleet.fleet import Fleet
from jetson_deploy.rehearsal.fleet.ready import missing_packages


@contextlib.contextmanager
def booted_boards(count: int, **how: Any) -> Iterator[Fleet]:
    """`how`: as Fleet is given. Nothing is left behind."""
    need_boards()
    with Fleet(count, **how) as fleet:
        yield fleet


def need_boards() -> None:
    if missing := missing_packages():
        pytest.skip(f"no {', '.join(missing)} here (scripts/rehearsal-parts openssh-server dbus systemd)")


def controller(
    fleet: Fleet, *arguments: str, seconds: float = 120.0, stdin: str | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    """The product's command line, as one who sits in the boards' network would type it."""
    return subprocess.run(
        controller_argv(fleet, *arguments),
        env=controller_environment(fleet, **variables),
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
    )


def controller_argv(fleet: Fleet, *arguments: str) -> list[str]:
    return [*fleet.enter(), sys.executable, "-m", "jetson_deploy", *arguments]


def controller_environment(fleet: Fleet, **variables: str) -> dict[str, str]:
    """Its home has the boards' ssh_config, key and known_hosts, and nothing of this machine's user."""
    return of_controller({**fleet.variables(), **variables})
