"""F1 and F16: a run, or the whole board, dies at the border of each step."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from crash_points import planned, points, selection
from fault_bed import Bed
from kill_rounds import Served, by_rollback, by_up, tried

pytestmark = [pytest.mark.integration, pytest.mark.timeout(3600)]
Count = Callable[[str, int, int, str], None]
Words = Callable[[Bed, str], tuple[str, ...]]
CHANGES = pytest.mark.parametrize(("run", "words"), [("up", by_up), ("rollback", by_rollback)], ids=["up", "rollback"])


def steps_of(served: Served, run: str) -> list[dict[str, object]]:
    words = served.wish().words
    if run == "rollback":
        return planned(served.bed, *words, "--plan")
    return planned(served.bed, "plan", *words[1:])


@pytest.mark.fault("F1")
@CHANGES
def test_a_replacement_that_is_killed_converges(
    bed: Bed, full: bool, fault_count: Count, run: str, words: Words
) -> None:
    served = Served(bed, words)
    chosen = selection(points(run, steps_of(served, run)), None if full else 6)
    repairs = ["rerun", "recover"] if full else ["either"]
    failures = tried(served, chosen, repairs)
    total = len(chosen) * len(repairs)
    fault_count("F1", total - len(failures), total, "kill points converged")
    assert not failures, "\n".join(failures)


@pytest.mark.fault("F16")
@CHANGES
def test_a_replacement_in_which_the_power_fails_boots_a_proven_server(
    bed: Bed, full: bool, fault_count: Count, run: str, words: Words
) -> None:
    served = Served(bed, words)
    chosen = selection(points(run, steps_of(served, run)), None if full else 4)
    failures = tried(served, chosen, ["recover"] if not full else ["rerun", "recover"], power=True)
    total = len(chosen) * (2 if full else 1)
    fault_count("F16", total - len(failures), total, "power cuts booted a proven server")
    assert not failures, "\n".join(failures)
