"""F18: the engine is killed, or restarted, while each step is under way."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest
from crash_points import planned
from fault_bed import A, B, Bed
from final_state import problems
from freezing import freeze
from kill_rounds import Served, by_up

from jetson_deploy.rehearsal.processes import end

pytestmark = [pytest.mark.integration, pytest.mark.fault("F18"), pytest.mark.timeout(3600)]


def stays_dead(bed: Bed) -> None:
    os.kill(bed.engine_pid(), signal.SIGKILL)


def killed_and_back(bed: Bed) -> None:
    stays_dead(bed)
    bed.session.start_engine()


def stopped_and_back(bed: Bed) -> None:
    end(bed.engine_pid(), bed.session.directory)
    bed.session.start_engine()


def broken_in_step(served: Served, number: int, breaks: Callable[[Bed], None]) -> list[str]:
    bed, wish = served.bed, served.wish()
    process = bed.until_step(number, *wish.words)
    if process is None:
        return [f"step {number} never began"]
    breaks(bed)
    done = bed.ended(process)
    if breaks is stays_dead:
        bed.session.start_engine()
    wrong = [] if done.code in (0, 3, 7, 8) else [f"it ended with {done.code}: {done.narration[-500:]}"]
    if not bed.answers():
        wrong.append("nothing answers after the engine came back")
    rerun = bed.ran(*wish.words, "--force") if done.code in (7, 8) else bed.ran(*wish.words)
    if rerun.code != 0:
        return [*wrong, f"the rerun ended with {rerun.code}: {rerun.narration[-500:]}"]
    return wrong + problems(bed, context=wish.context, previous=True)


def test_an_engine_that_dies_in_any_step_is_told_and_the_rerun_converges(
    bed: Bed, full: bool, fault_count: Callable[[str, int, int, str], None]
) -> None:
    served = Served(bed, by_up)
    steps = planned(bed, "plan", *served.wish().words[1:])
    ways = (stays_dead, killed_and_back, stopped_and_back)
    numbers = range(1, len(steps) + 1)
    chosen = [(n, way) for n in numbers for way in ways] if full else [(n, ways[n % 3]) for n in numbers[::2]]
    failures = []
    for number, way in chosen:
        try:
            wrong = broken_in_step(served, number, way)
        except AssertionError as error:
            wrong = [str(error)[-1000:]]
        print(f"{way.__name__} in step {number}: {'; '.join(wrong) or 'held'}", flush=True)
        if wrong:
            failures.append(f"{way.__name__} in step {number} ({steps[number - 1]['do']}): {'; '.join(wrong)}")
            bed.session.start_engine()
            served.reset()
    fault_count("F18", len(chosen) - len(failures), len(chosen), "steps with a dying engine")
    assert not failures, "\n".join(failures)


def test_an_engine_that_hangs_is_told_and_what_serves_goes_on(
    bed: Bed, fault_count: Callable[[str, int, int, str], None]
) -> None:
    assert bed.up("--context", A).code == 0
    freeze(bed.engine_pid())
    try:
        done = bed.up("--context", B)
        answers = bed.answers()
    finally:
        os.kill(bed.engine_pid(), signal.SIGCONT)
    fault_count("F18", int((done.code, done.word, answers) == (3, "engine-hung", True)), 1, "hung engine")
    assert (done.code, done.word, answers) == (3, "engine-hung", True), done
    assert problems(bed, context=A, previous=False) == []
