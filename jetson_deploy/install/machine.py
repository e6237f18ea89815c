"""What a machine has before anything is brought: read by `probe.sh`, whose answer is foreign text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import msgspec

from jetson_deploy.install.python_archive import LOWEST
from jetson_deploy.own_copy import INSTALLED

PROBE = Path(__file__).parent / "probe.sh"
BOARD = Path(__file__).parent / "board.sh"
PREFIX = "/opt/jetson-deploy"
LINK = "/usr/local/bin/jetson-deploy"
_BEGIN, _END = "@jetson-deploy-probe", "@jetson-deploy-probe-end"
_PATH = re.compile(r"/[A-Za-z0-9._+/-]{1,200}")


class Python(msgspec.Struct, frozen=True, kw_only=True):
    path: str
    version: tuple[int, int]
    machine: str
    """What it was built for: a kernel of 64 bits may run programs of 32."""
    usable: bool
    """CPython with its `venv`; an ABI that wheels are made for."""


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    machine: str
    """As `uname -m` says it."""
    glibc: tuple[int, int] | None
    """None: another C library, or not known."""
    pythons: tuple[Python, ...]
    """In the order of preference: `python3` first."""
    tool: str | None
    """Version of the tool that is linked there; None: none, or it does not run."""
    installed: str | None
    """Name of its directory, where this code installed it."""
    whole: bool
    """What was asked for is installed, runs, and is linked."""
    foreign: bool
    """In the link's place is what this code did not put there."""

    def best_python(self) -> Python | None:
        return next((one for one in self.pythons if one.usable and one.version >= LOWEST), None)


def read_machine(answer: str) -> Machine | None:
    """None: it is not the probe's answer. Greetings around it are passed over."""
    lines = answer.splitlines()
    if _BEGIN not in lines or _END not in lines[lines.index(_BEGIN) :]:
        return None
    begin = lines.index(_BEGIN)
    rows = [line.split("\t") for line in lines[begin + 1 : lines.index(_END, begin)]]
    one = {row[0]: row[1] for row in rows if len(row) == 2}
    return Machine(
        machine=_machine(one.get("machine", "")),
        glibc=_two("glibc ", one.get("glibc", "")),
        pythons=tuple(_pythons(row for row in rows if row[0] == "python")),
        tool=_first(r"jetson-deploy, version ([0-9][A-Za-z0-9.+]{0,40})", one.get("tool", "")),
        installed=one["installed"] if INSTALLED.fullmatch(one.get("installed", "")) else None,
        whole=one.get("whole") == "yes",
        foreign=one.get("foreign") == "yes",
    )


def _pythons(rows: Iterable[list[str]]) -> Iterable[Python]:
    for row in rows:
        if len(row) == 5 and _PATH.fullmatch(row[1]) and (version := _two("", row[2])) is not None:
            yield Python(path=row[1], version=version, machine=_machine(row[3]), usable=row[4] == "usable")


def _machine(text: str) -> str:
    return text if re.fullmatch(r"[a-z0-9_]{1,20}", text) else "unknown"


def _two(before: str, text: str) -> tuple[int, int] | None:
    found = re.fullmatch(rf"{before}(\d{{1,3}})\.(\d{{1,3}})", text)
    return (int(found[1]), int(found[2])) if found else None


def _first(pattern: str, text: str) -> str | None:
    found = re.fullmatch(pattern, text)
    return found[1] if found else None
