"""How counters, means and the look back are taken from the samples that are kept."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from jetson_deploy.monitor.alerts.window import DENSE_SECONDS, LONGEST_SECONDS, Window, last, mean, rises
from jetson_deploy.monitor.board_parts import OverCurrent
from jetson_deploy.monitor.sample import Board, Sample


def sample(at: float, count: int | None = None, boot: str | None = None) -> Sample:
    over = () if count is None else (OverCurrent(line="oc1", count=count),)
    return Sample(at=0.0, monotonic=at, board=Board(over_currents=over, boot_id=boot))


def counters(one: Sample) -> list[tuple[str, float | None]]:
    return [(over.line, over.count) for over in one.board.over_currents]


@pytest.mark.parametrize(
    ("counts", "risen"),
    [
        ([5], {"oc1": None}),
        ([5, 5], {"oc1": 0.0}),
        ([5, 7, 12], {"oc1": 7.0}),
        ([5, 2, 4], {"oc1": 2.0}),
        ([5, None, 8], {"oc1": 3.0}),
        ([None, 8], {"oc1": None}),
        ([5, 8, None], {}),
    ],
)
def test_a_counter_rises_and_its_fall_counts_nothing(counts: Sequence[int | None], risen: dict[str, float]) -> None:
    assert rises([sample(float(at), count) for at, count in enumerate(counts)], counters) == risen


def test_the_look_back_holds_its_seconds_and_at_least_two() -> None:
    often = [sample(float(at)) for at in range(100)]
    assert [one.monotonic for one in last(often, 3.0)] == [96.0, 97.0, 98.0, 99.0]
    rarely = [sample(at * 3600.0) for at in range(3)]
    assert [one.monotonic for one in last(rarely, 3.0)] == [3600.0, 7200.0]
    assert len(last(rarely[:1], 3.0)) == 1


def test_a_mean_needs_the_last_value() -> None:
    values = {0.0: 1.0, 1.0: None, 2.0: 3.0, 3.0: None}
    window = [sample(at) for at in values]
    assert mean(window[:3], lambda one: values[one.monotonic]) == 2.0
    assert mean(window, lambda one: values[one.monotonic]) is None


def test_hours_of_samples_are_kept_in_a_few_hundred() -> None:
    window = Window()
    for at in range(0, 4 * 3600, 2):
        kept = window.add(sample(float(at)))
        assert len(kept) <= DENSE_SECONDS / 2 + LONGEST_SECONDS / 60 + 3
    assert kept[-1].monotonic - kept[0].monotonic == pytest.approx(LONGEST_SECONDS + DENSE_SECONDS, abs=200)
    assert [one.monotonic for one in kept] == sorted(one.monotonic for one in kept)


@pytest.mark.parametrize(
    ("before", "now", "kept"),
    [
        (sample(10, boot="a"), sample(20, boot="a"), 2),
        (sample(10, boot="a"), sample(20, boot="b"), 1),
        (sample(10, boot="a"), sample(20, boot=None), 2),
        (sample(10), sample(5), 1),
    ],
)
def test_a_new_boot_begins_anew(before: Sample, now: Sample, kept: int) -> None:
    window = Window()
    window.add(before)
    assert len(window.add(now)) == kept
