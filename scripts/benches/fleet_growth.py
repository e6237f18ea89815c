"""How `fleet` grows with the number of boards: seconds, processor time, memory, open files."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

from benches.measure import Measured
from benches.table import at_most
from benches.workplace import note

SIZES = (10, 50, 100, 200)
_BASE = 50
_AIM = 1.2
"""Seconds a board, beside those of _BASE boards: what is fixed weighs less with more of them."""

Run = Callable[[str, int], Measured]
"""A verb on so many boards."""


def growth(run: Run, verbs: Sequence[str], rounds: int, sizes: Sequence[int] = SIZES) -> None:
    columns = ["boards", "verb", "median", "a board", f"÷ at {_BASE}", "aim", "CPU time", "peak memory", "open files"]
    print(f"| {' | '.join(columns)} |\n|{' --- |' * len(columns)}")
    for verb in verbs:
        base = None
        for many in sizes:
            try:
                runs = _runs(run, verb, many, rounds)
            except SystemExit as ended:  # what the other numbers are is worth as much
                print(f"| {many} | `fleet {verb}` | {str(ended).splitlines()[0]} |", flush=True)
                continue
            base = _seconds(runs) / _BASE if many == _BASE else base
            print(_row(verb, many, runs, base), flush=True)
    print()


def _runs(run: Run, verb: str, many: int, rounds: int) -> list[Measured]:
    runs = []
    for _ in range(rounds):
        runs.append(run(verb, many))
        note(f"  {many:4} boards: {runs[-1].seconds:6.2f} s  {verb}")
    return runs


def _seconds(runs: Sequence[Measured]) -> float:
    return statistics.median(run.seconds for run in runs)


def _row(verb: str, many: int, runs: Sequence[Measured], base: float | None) -> str:
    seconds = _seconds(runs)
    ratio = None if base is None or many < _BASE else seconds / many / base
    cells = [
        str(many),
        f"`fleet {verb}`",
        f"{seconds:.2f} s",
        f"{seconds / many * 1000:.0f} ms",
        "" if ratio is None else f"{ratio:.2f}",
        "" if ratio is None or many == _BASE else at_most(_AIM, ratio),
        f"{statistics.median(run.cpu_seconds for run in runs):.2f} s",
        f"{max(run.peak_bytes for run in runs) / (1 << 20):.0f} MiB",
        str(max(run.peak_files for run in runs)),
    ]
    return f"| {' | '.join(cells)} |"
