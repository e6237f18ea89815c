"""Ctrl-C and SIGTERM at every step: staging keeps what is valid, a cutover is undone or finished first and says so."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest
from crash_points import planned
from fault_bed import A, Bed
from final_state import containers, problems
from kill_rounds import Served, by_up

pytestmark = [pytest.mark.integration, pytest.mark.fault("F2"), pytest.mark.timeout(1200)]
SIGNALS = (signal.SIGINT, signal.SIGTERM)


def interrupted(bed: Bed, number: int, which: signal.Signals, words: tuple[str, ...]) -> tuple[int, str]:
    process = bed.until_step(number, *words)
    assert process is not None, f"step {number} never began"
    process.send_signal(which)
    done = bed.ended(process)
    return done.code, done.narration


def interrupted_in_step(served: Served, number: int, which: signal.Signals) -> list[str]:
    bed, old, wish = served.bed, served.serving(), served.wish()
    code, said = interrupted(bed, number, which, wish.words)
    serves = {130: old, 0: wish.context}.get(code)
    wrong = [] if serves else [f"ended with {code}: {said[-500:]}"]
    wrong += problems(bed, context=serves, previous=True)
    if code == 130 and not any(word in said for word in ("undone", "kept", "not touched")):
        wrong.append("does not say what became of it")
    return [*wrong, f"it said: {said[-700:]}"] if wrong else []


def test_an_interrupted_replacement_is_undone_or_finished_and_says_so(
    bed: Bed, full: bool, fault_count: Callable[[str, int, int, str], None]
) -> None:
    served = Served(bed, by_up)
    steps = planned(bed, "plan", *served.wish().words[1:])
    numbers = range(1, len(steps) + 1)
    chosen = [(n, s) for n in numbers for s in SIGNALS] if full else [(n, SIGNALS[n % 2]) for n in numbers]
    failures = []
    for number, which in chosen:
        name = f"{which.name} in step {number} ({steps[number - 1]['do']})"
        wrong = interrupted_in_step(served, number, which)
        print(f"{name}: {'; '.join(wrong) or 'held'}", flush=True)
        if wrong:
            failures.append(f"{name}: {'; '.join(wrong)}")
            served.reset()
    fault_count("F2", len(chosen) - len(failures), len(chosen), "interruptions undone or finished, and said so")
    assert not failures, "\n".join(failures)


@pytest.mark.parametrize("which", SIGNALS, ids=lambda s: s.name)
def test_an_interrupted_staging_keeps_what_is_valid(bed: Bed, which: signal.Signals) -> None:
    words = bed.up_words("--context", A)
    code, said = interrupted(bed, 1, which, words)
    assert code == 130, said
    assert "kept" in said or "again" in said, said
    assert containers(bed) == []
    assert bed.ran(*words).code == 0
    assert problems(bed, context=A, previous=False) == []
