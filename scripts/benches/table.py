"""Rounds of commands in turn, so that a busy machine slows all of them alike, and their table in Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from typing import NamedTuple

from benches.measure import Measured
from benches.workplace import note


class Contender(NamedTuple):
    """One way to do the work, run once per round."""

    label: str
    run: Callable[[], Measured]


class Row(NamedTuple):
    label: str
    runs: list[Measured]

    @property
    def seconds(self) -> float:
        return statistics.median(run.seconds for run in self.runs)

    @property
    def cpu_seconds(self) -> float:
        return statistics.median(run.cpu_seconds for run in self.runs)

    @property
    def peak_mib(self) -> float:
        return max(run.peak_bytes for run in self.runs) / (1 << 20)

    def cells(self) -> list[str]:
        """As under HEADER."""
        fastest = min(run.seconds for run in self.runs)
        times = [f"{self.seconds:.2f} s", f"{fastest:.2f} s", f"{self.cpu_seconds:.2f} s"]
        return [f"`{self.label}`", *times, f"{self.peak_mib:.0f} MiB"]


HEADER = ["median", "min", "CPU time", "peak memory"]
"""After the first column, which says how often each was run."""


def in_turn(contenders: Sequence[Contender], rounds: int) -> list[Row]:
    """Every contender once per round."""
    rows = [Row(contender.label, []) for contender in contenders]
    for number in range(rounds):
        for contender, row in zip(contenders, rows, strict=True):
            row.runs.append(contender.run())
            note(f"  round {number + 1} of {rounds}: {row.runs[-1].seconds:6.2f} s  {row.label}")
    return rows


def at_least(aim: float, found: float, unit: str = "") -> str:
    """The aim's cell, which says so when it is missed. What is compared is what is shown."""
    return f"≥ {aim:g}{unit}" + (", missed" if round(found, 2) < aim else "")


def at_most(aim: float, found: float, unit: str = "") -> str:
    return f"≤ {aim:g}{unit}" + (", missed" if round(found, 2) > aim else "")


def print_table(rounds: int, columns: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    """`columns` after those of HEADER. A | in a cell would end it."""
    runs = f"({rounds} run{'s' if rounds > 1 else ''} each, in turn)"
    header = [runs, *HEADER, *columns]
    for row in (header, ["---"] * len(header), *lines):
        print(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |")
    print(flush=True)
