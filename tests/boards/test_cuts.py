"""The power goes at the borders of the steps of an `up` that changes the context, each from one saved state."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest
from crash_points import Point, points
from deployed_board import Board
from kept_board import DIRECTORY, OTHER, Ended, Kept, KeptRun

pytest_plugins = ("board_figures",)
pytestmark = [pytest.mark.boards, pytest.mark.timeout(6 * 3600)]


class Bench(NamedTuple):
    run: KeptRun
    board: Board
    kept: Kept


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    run = KeptRun()
    with run:
        yield Bench(run, *run.saved())


@pytest.mark.parametrize(("figure", "forgets"), [("V4", False), ("V5", True)])
def test_a_change_in_which_the_power_goes_boots_what_was_proven(
    bench: Bench,
    record_property: Callable[[str, object], None],
    is_time_left: Callable[[], bool],
    figure: str,
    forgets: bool,
) -> None:
    """`forgets`: what the disk was not told to flush is gone too. A border that was cut at is not cut at again."""
    every = in_order(points("up", bench.kept.steps))
    known = {ended.border for ended in bench.run.ended() if ended.figure == figure}
    for point in every:
        if str(point) not in known and is_time_left():
            bench.run.write(cut_at(bench, point, figure, forgets=forgets))
    ended = [one for one in bench.run.ended() if one.figure == figure]
    record_property("cuts", (figure, len(every), Counter(one.who for one in ended)))
    wrong = [f"{one.border}: {one.why}" for one in ended if one.who == "nothing"]
    assert not wrong, "\n".join([*wrong, f"to cut at them again remove {DIRECTORY}"])


def in_order(every: list[Point]) -> list[Point]:
    """The last border of each phase first, where most would be lost: should the time not be enough for all."""
    last = {point.phase: point for point in every}
    return [*last.values(), *(point for point in every if point not in last.values())]


def cut_at(bench: Bench, point: Point, figure: str, *, forgets: bool) -> Ended:
    bench.run.goes_on(bench.board, forgets=forgets)
    began, why = time.monotonic(), ""
    try:
        who = serves_after(bench, point)
    except AssertionError as error:
        who, why = "nothing", str(error)[-2000:]
    print(f"{figure} {point}: {who} serves, {time.monotonic() - began:.0f} s {why}", flush=True)
    return Ended(figure=figure, border=str(point), who=who, why=why)


def serves_after(bench: Bench, point: Point) -> str:
    """Who serves after the next boot, old or new; all that must hold then is asserted."""
    board, old = bench.board, bench.kept.old
    board.dies_in("up", "--accept-cpu", "--context", OTHER, JETSON_DEPLOY_CRASH_AT=point.crash_at)
    board.loses_power()
    seen = str(board.serves_by_itself()["context_tokens"])
    expected = {"old": (old,), "gap": (old,), "new": (OTHER,)}[point.phase]
    assert seen in expected, f"{seen} tokens of context serve, not {' or '.join(expected)}"
    assert board.document("recover")["result"] == "no-changes"
    board.must("model", "verify")
    return "old" if seen == old else "new"
