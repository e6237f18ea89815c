"""A board made from a choice: of a captured board, or of one of the catalog."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from jetson_deploy.errors import UsageError
from jetson_deploy.events import Reporter
from jetson_deploy.rehearsal.board import DEFAULT_BOARD, find_board
from jetson_deploy.rehearsal.fleet.layer import File
from jetson_deploy.rehearsal.kept import WORK
from jetson_deploy.rehearsal.virtual.base import base_image
from jetson_deploy.rehearsal.virtual.device_strings import device_strings
from jetson_deploy.rehearsal.virtual.machine import Machine, free_port
from jetson_deploy.rehearsal.virtual.mem_total import machine_mib
from jetson_deploy.rehearsal.virtual.own_files import captured_files
from jetson_deploy.rehearsal.virtual.ready import check_run
from jetson_deploy.rehearsal.virtual.recipe import DEFAULT
from jetson_deploy.rehearsal.virtual.wanted import SERIAL, Disk, Wanted, check_name

_MEM_TOTAL = re.compile(r"^MemTotal: +([0-9]+) kB", re.MULTILINE)
_TREE = "sys/firmware/devicetree/base"


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    captured: str | None = None
    """Its strings, its memory and its files."""
    board: str | None = None
    """Of the catalog: strings and memory alone. Neither: the captured board that `rehearse` takes."""
    memory_mib: int | None = None
    disk: int = 40
    debian: int = DEFAULT
    nvme: int | None = None
    forwards: dict[int, int] = {}
    append: str = ""
    serial: str = SERIAL
    clock: str | None = None
    files: dict[str, File] = {}
    """Further ones that it has from its first boot on."""


def boards_directory() -> Path:
    """Of the boards that `scripts/virtual-board` makes."""
    return WORK / "virtual-boards"


def make(choice: Choice, report: Reporter, directory: Path | None = None) -> Machine:
    """It is not switched on. The base image is built first where it is missing. Raises PreflightError, UsageError."""
    check_run()
    check_name(choice.name)
    if choice.captured and choice.board:
        raise UsageError(
            "a board is made from a captured one or from one of the catalog, not from both",
            hint="leave one of the two out",
            code="bad-board",
        )
    root = None if choice.board else find_board(choice.captured or DEFAULT_BOARD)
    model, compatible, total = _captured(root) if root else _of_catalog(choice.board or "")
    wanted = Wanted(
        name=choice.name,
        base=str(base_image(report, choice.debian)),
        model=model,
        compatible=compatible,
        memory_mib=choice.memory_mib or machine_mib(total),
        disk_gigabytes=choice.disk,
        forwards=choice.forwards,
        port=free_port(),
        clock=choice.clock,
        append=choice.append,
        serial=choice.serial,
        disks=[Disk(name="nvme", gigabytes=choice.nvme)] if choice.nvme else [],
    )
    files = captured_files(root) if root else {}
    return Machine.create(directory or boards_directory() / choice.name, wanted, files | choice.files)


def _of_catalog(board: str) -> tuple[str, list[str], int]:
    row = device_strings(board)
    return row.model, row.compatible, row.mem_total_mib << 10


def _captured(root: Path) -> tuple[str, list[str], int]:
    """What its device tree says, and KiB of its MemTotal."""
    model = _strings(root, "model")
    found = _MEM_TOTAL.search((root / "proc/meminfo").read_text())
    return model[0] if model else "", _strings(root, "compatible"), int(found[1]) if found else 0


def _strings(root: Path, name: str) -> list[str]:
    try:
        return [one for one in (root / _TREE / name).read_bytes().decode().split("\0") if one.strip()]
    except OSError:
        return []
