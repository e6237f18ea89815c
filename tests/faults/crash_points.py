"""Where a run is killed: read from the steps that the product itself says it will take, so that a new step is tested
the day it is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from fault_bed import Bed

Step = dict[str, Any]


class Point(NamedTuple):
    run: str
    number: int
    side: str
    step: Step
    phase: str
    """What must serve when the run dies there: `old`, `gap` (between stopping the old and the commit) or `new`."""

    @property
    def crash_at(self) -> str:
        return f"{self.run}:{self.number}:{self.side}"

    def __str__(self) -> str:
        return f"{self.crash_at} ({self.step['do']})"


def points(run: str, steps: Sequence[Step]) -> list[Point]:
    """Before and after the side effect of every step."""
    found, phase = [], "old"
    for number, step in enumerate(steps, 1):
        found.append(Point(run, number, "before", step, phase))
        phase = _phase_after(step, phase)
        found.append(Point(run, number, "after", step, phase))
    return found


def _phase_after(step: Step, phase: str) -> str:
    if phase == "old" and step["do"] == "stop-container":
        return "gap"
    if phase != "new" and step["do"] == "set-restart" and step["policy"] == "always":
        return "new"
    return phase


def planned(bed: Bed, *arguments: str) -> list[Step]:
    """The steps of `plan …`, `rollback … --plan`, `recover --plan`."""
    steps = bed.must(*arguments).document["steps"]
    assert steps, arguments
    return list(steps)


def selection(every: Sequence[Point], most: int | None) -> list[Point]:
    """All, or `most` of them spread evenly, the first and the last among them."""
    if most is None or len(every) <= most:
        return list(every)
    return [every[round(n * (len(every) - 1) / (most - 1))] for n in range(most)]
