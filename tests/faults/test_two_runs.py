"""F17: two runs at once. One works; the other says who holds the deployment, or waits."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable

import pytest
from fault_bed import A, B, Bed
from final_state import problems

pytestmark = [pytest.mark.integration, pytest.mark.fault("F17")]


def holder(bed: Bed, context: str) -> subprocess.Popen[str]:
    """A run that holds the lock in its cutover and goes on by itself."""
    process = bed.until_step(3, *bed.up_words("--context", context))
    assert process is not None
    return process


@pytest.fixture
def served(bed: Bed) -> Bed:
    assert bed.up("--context", A).code == 0
    return bed


@pytest.mark.parametrize("words", [("up",), ("rollback", "1"), ("recover",), ("down",)], ids=lambda w: w[0])
def test_a_second_run_is_told_who_holds_it_and_changes_nothing(served: Bed, words: tuple[str, ...]) -> None:
    first = holder(served, B)
    second = served.ran(*words)
    assert served.ended(first).code == 0
    assert (second.code, second.word) == (75, "locked"), second
    assert str(first.pid) in second.narration and "up" in second.narration, second.narration
    assert problems(served, context=B, previous=True) == []


def test_questions_are_answered_while_a_run_is_under_way(served: Bed) -> None:
    first = holder(served, B)
    codes = {verb: served.ran(verb).code for verb in ("status", "history", "plan")}
    assert served.ended(first).code == 0
    assert all(code in (0, 1) for code in codes.values()), codes
    assert problems(served, context=B, previous=True) == []


def test_a_run_that_waits_comes_after(served: Bed) -> None:
    first = holder(served, B)
    second = served.up("--context", A, "--wait")
    assert served.ended(first).code == 0
    assert second.code == 0, second
    assert problems(served, context=A, previous=True) == []


def test_a_holder_that_is_killed_frees_the_lock_at_once(
    served: Bed, fault_count: Callable[[str, int, int, str], None]
) -> None:
    first = holder(served, B)
    first.kill()
    assert served.forget(first) == -signal.SIGKILL
    done = served.must("recover")  # without --wait: a lock that is held would be refused
    assert done.word in ("undone", "finished")
    assert problems(served, previous=None) == []
