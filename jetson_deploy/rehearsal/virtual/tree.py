"""A device tree that says it is a Jetson's: qemu's own for the board's hardware, with the board's strings at its root.

qemu fills in memory, kernel command line and initrd when it is given the tree. All below the root stays the machine's
that it is: the kernel would look for a Tegra's devices in vain.
"""

from __future__ import annotations

from pathlib import Path

from jetson_deploy.own_copy import own_copy
from jetson_deploy.rehearsal.virtual.command_line import tree_command
from jetson_deploy.rehearsal.virtual.program import run_program
from jetson_deploy.rehearsal.virtual.wanted import Wanted


def write_tree(wanted: Wanted, target: Path) -> None:
    """Raises PreflightError."""
    _run(tree_command(wanted, target))
    for key, values in strings(wanted).items():
        _run(["fdtput", "-t", "s", str(target), "/", key, *values])


def strings(wanted: Wanted) -> dict[str, list[str]]:
    return {"model": [wanted.model], "compatible": wanted.compatible, "serial-number": [wanted.serial]}


def _run(argv: list[str]) -> None:
    hint = f"sudo apt-get install -y qemu-system-arm device-tree-compiler{own_copy().does_it('virtual-board')}"
    run_program(argv, what=argv[0], hint=hint, code="no-device-tree")
