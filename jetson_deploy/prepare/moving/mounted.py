"""What is mounted at a directory and below it, by the kernel's list."""

from __future__ import annotations

from pathlib import Path

import msgspec

from jetson_deploy.detect.mounts import MOUNTS_LIMIT, unescape
from jetson_deploy.errors import PreflightError
from jetson_deploy.prepare.machine import Machine
from jetson_deploy.prepare.placing import refusal

_FIELDS = 6


class _Mount(msgspec.Struct, frozen=True):
    number: str
    parent: str
    root: str
    """In its filesystem."""
    point: str
    options: str
    """Of its filesystem: the layers of an overlay."""


def free_of_mounts(machine: Machine, path: str) -> None:
    """An engine that stopped may leave its directory bound to itself. Raises PreflightError where more is mounted."""
    held = str(machine.root / path)
    if any(one.point.startswith(f"{held}/") or f"dir={held}/" in one.options for one in _mounts(machine)):
        raise PreflightError(
            f"containers run on below {held} though the engine was stopped (live-restore)",
            hint="stop them first: docker ps, docker stop NAME",
            code="containers-run",
        )
    while one := next((found for found in reversed(_mounts(machine)) if found.point == held), None):
        if not _of_itself(one, _mounts(machine)):
            raise refusal(Path(held), "is a mount, which cannot be renamed", "change it in /etc/fstab")
        machine.must("umount", held, hint=f"what holds it? sudo fuser -vm {held}")


def _of_itself(one: _Mount, mounts: list[_Mount]) -> bool:
    """It shows what would be there without it."""
    above = next((other for other in mounts if other.number == one.parent), None)
    if above is None:
        return False
    beneath = one.point.removeprefix(above.point.rstrip("/"))
    return one.root == above.root.rstrip("/") + beneath


def _mounts(machine: Machine) -> list[_Mount]:
    text = machine.host.read_text("proc/self/mountinfo", limit=MOUNTS_LIMIT, quiet=True) or ""
    rows = (line.split(" ") for line in text.splitlines())
    return [_Mount(r[0], r[1], unescape(r[3]), unescape(r[4]), r[-1]) for r in rows if len(r) > _FIELDS]
