"""F1, the second fall: killed again while an unfinished run is put right, by `recover` or by the run itself."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest
from crash_points import Point, planned, points, selection
from fault_bed import Bed
from final_state import problems, shape
from kill_rounds import Served, by_up, difference

pytestmark = [pytest.mark.integration, pytest.mark.fault("F1"), pytest.mark.timeout(3600)]
Count = Callable[[str, int, int, str], None]
FIRST_FALLS = (
    "create-container",
    "stop-container",
    "start-container",
    "settle",
    "remember",
    "set-restart",
    "rename-container",
)
"""Kinds of steps after which the first run dies: each leaves another picture behind."""


def first_falls(served: Served) -> list[Point]:
    every = points("up", planned(served.bed, "plan", *served.wish().words[1:]))
    return [point for point in every if point.side == "after" and point.step["do"] in FIRST_FALLS]


def fall(served: Served, point: Point) -> tuple[str, str]:
    """The first run dies. What must serve in the end, and what was wanted."""
    old, wish = served.serving(), served.wish()
    killed = served.bed.ran(*wish.words, JETSON_DEPLOY_CRASH_AT=point.crash_at)
    assert killed.code == -signal.SIGKILL, f"{point} was never reached: {killed}"
    return (wish.context if point.phase == "new" else old), wish.context


def fall_again(served: Served, first: Point, second: Point) -> list[str]:
    stays, wanted = fall(served, first)
    again = served.bed.ran("recover", JETSON_DEPLOY_CRASH_AT=second.crash_at)
    if again.code != -signal.SIGKILL:
        return [f"{second} was never reached: it ended with {again.code}: {again.narration[-500:]}"]
    repaired = served.bed.ran("recover")
    wrong = [] if repaired.code == 0 else [f"recover ended with {repaired.code}: {repaired.narration[-500:]}"]
    wrong += problems(served.bed, context=stays, previous=True)
    rerun = served.bed.ran(*by_up(served.bed, wanted))
    wrong += [] if rerun.code == 0 else [f"the rerun ended with {rerun.code}: {rerun.narration[-500:]}"]
    return wrong + problems(served.bed, context=wanted, previous=True)


def test_a_recovery_that_is_killed_is_taken_up_again(bed: Bed, full: bool, fault_count: Count) -> None:
    served = Served(bed, by_up)
    failures, total = [], 0
    for first in first_falls(served) if full else first_falls(served)[2::4]:
        fall(served, first)
        steps = planned(bed, "recover", "--plan")
        bed.must("recover")
        for second in selection(points("recover", steps), None if full else 3):
            total += 1
            try:
                wrong = fall_again(served, first, second)
            except AssertionError as error:
                wrong = [str(error)[-1000:]]
            print(f"{first}, then {second}: {'; '.join(wrong) or 'held'}", flush=True)
            if wrong:
                failures.append(f"{first}, then {second}: {'; '.join(wrong)}")
                served.reset()
    fault_count("F1", total - len(failures), total, "kill points of recover")
    assert not failures, "\n".join(failures)


def test_a_run_that_is_killed_while_it_undoes_itself_is_recovered(bed: Bed, full: bool, fault_count: Count) -> None:
    served = Served(bed, by_up)
    failures, total, number = [], 0, 1
    reached = True
    while reached:
        for side in ("before", "after"):
            old, wish = served.serving(), served.wish()
            words = [word for word in wish.words if word != "--accept-cpu"]
            killed = bed.ran(*words, "--refuse-cpu", "--force", JETSON_DEPLOY_CRASH_AT=f"undo:{number}:{side}")
            if killed.code != -signal.SIGKILL:
                reached = False
                assert killed.code == 7, killed
                break
            total += 1
            repaired = bed.ran("recover")
            wrong = [] if repaired.code == 0 else [f"recover ended with {repaired.code}: {repaired.narration[-500:]}"]
            wrong += problems(bed, context=old, previous=True)
            if wrong:
                failures.append(f"undo:{number}:{side}: {'; '.join(wrong)}")
                served.reset()
        number += 1 if full else 2
    assert total >= 2
    fault_count("F1", total - len(failures), total, "kill points of undoing")
    assert not failures, "\n".join(failures)


def test_a_first_deployment_that_is_killed_converges(bed: Bed, full: bool, fault_count: Count) -> None:
    words = bed.up_words("--context", "2048")
    every = points("up", planned(bed, "plan", *words[1:]))
    bed.must(*words)
    expected = shape(bed)
    failures = []
    chosen = selection(every, None if full else 5)
    for number, point in enumerate(chosen):
        bed.fresh()
        killed = bed.ran(*words, JETSON_DEPLOY_CRASH_AT=point.crash_at)
        wrong = [] if killed.code == -signal.SIGKILL else [f"never reached: {killed.code}: {killed.narration[-500:]}"]
        if number % 2:
            bed.ran("recover")
        rerun = bed.ran(*words)
        wrong += [] if rerun.code == 0 else [f"the rerun ended with {rerun.code}: {rerun.narration[-500:]}"]
        wrong += problems(bed, context="2048", previous=False) + difference(shape(bed), expected)
        print(f"{point}: {'; '.join(wrong) or 'held'}", flush=True)
        failures += [f"{point}: {'; '.join(wrong)}"] if wrong else []
    fault_count("F1", len(chosen) - len(failures), len(chosen), "kill points of a first deployment")
    assert not failures, "\n".join(failures)
