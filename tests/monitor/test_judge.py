"""pending → firing → resolved: what must hold for any values at any times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jetson_deploy.catalog.alert_rules import AlertRule
from jetson_deploy.errors import CatalogError, UsageError
from jetson_deploy.monitor.alerts.alert_state import UNKNOWN_SECONDS
from jetson_deploy.monitor.alerts.firing import Change
from jetson_deploy.monitor.alerts.judge import Judge
from jetson_deploy.monitor.board_parts import Disk, Fan, Memory, Rail
from jetson_deploy.monitor.sample import Board, Sample

MIB = 1 << 20
HOLD, CLEAR_SECONDS = 10.0, 20.0


def rule(id_: str = "low", **changes: object) -> AlertRule:
    base = AlertRule(
        id=id_,
        title="memory runs low",
        signal="memory_available_ratio",
        severity="warning",
        below=0.10,
        clear=0.20,
        hold_seconds=HOLD,
        clear_seconds=CLEAR_SECONDS,
        cause="{value:.0%} of {subject}, limit {limit:.0%}, {available}.",
        fix="Free some.",
        source=("a test",),
        confidence="inferred",
    )
    return msgspec.structs.replace(base, **changes)


CRITICAL = rule("critical", below=0.05, clear=0.06, severity="critical", hold_seconds=0.0)
LOW = rule(hidden_by=("critical",))


def sample(at: float, ratio: float | None, *, wall: float | None = None) -> Sample:
    available = None if ratio is None else round(ratio * 1000 * MIB)
    memory = Memory(total_bytes=1000 * MIB, available_bytes=available)
    return Sample(at=5000 + at if wall is None else wall, monotonic=at, board=Board(memory=memory))


Values = Mapping[float, float | None]


def told(judge: Judge, values: Values) -> list[tuple[float, str, str]]:
    changes = [(at, change) for at, ratio in values.items() for change in judge.judge(sample(at, ratio))]
    return [(at, change.alert.id, change.state) for at, change in changes]


ratios = st.one_of(st.none(), st.sampled_from([0.01, 0.04, 0.055, 0.08, 0.12, 0.19, 0.25, 0.5]))
stories = st.lists(st.tuples(st.sampled_from([1.0, 5.0, 9.5, 30.0]), ratios), min_size=1, max_size=40)


@settings(max_examples=40, deadline=None)
@given(stories)
def test_it_never_fires_before_it_was_seen_to_hold_for_the_whole_time(
    story: Sequence[tuple[float, float | None]],
) -> None:
    judge, at, since = Judge({"low": rule()}), 0.0, None
    for step, ratio in story:
        at += step
        if ratio is not None and ratio >= 0.10:
            since = None
        elif ratio is not None and since is None:
            since = at
        for change in judge.judge(sample(at, ratio)):
            if change.state == "firing":
                assert since is not None
                assert at - since >= HOLD
                assert ratio is not None


@settings(max_examples=40, deadline=None)
@given(stories)
def test_no_two_changes_of_one_alert_say_the_same_in_a_row(story: Sequence[tuple[float, float | None]]) -> None:
    judge, at, states = Judge({"low": LOW, "critical": CRITICAL}), 0.0, {"low": "resolved", "critical": "resolved"}
    for step, ratio in story:
        at += step
        for change in judge.judge(sample(at, ratio)):
            assert states[change.alert.id] != change.state
            states[change.alert.id] = change.state
        assert {alert.id for alert in judge.firing} == {id_ for id_, state in states.items() if state == "firing"}


@settings(max_examples=40, deadline=None)
@given(stories)
def test_what_another_one_tells_better_is_never_told_beside_it(story: Sequence[tuple[float, float | None]]) -> None:
    judge, at = Judge({"low": LOW, "critical": CRITICAL}), 0.0
    for step, ratio in story:
        at += step
        began = {change.alert.id for change in judge.judge(sample(at, ratio)) if change.state == "firing"}
        firing = {alert.id for alert in judge.firing}
        assert not {"low", "critical"} <= firing
        assert not ("critical" in firing and "low" in began)


@settings(max_examples=40, deadline=None)
@given(stories, st.lists(st.floats(-1e9, 5e9), min_size=40, max_size=40))
def test_the_wall_clock_decides_nothing(story: Sequence[tuple[float, float | None]], walls: Sequence[float]) -> None:
    steady, jumping, at = Judge({"low": LOW, "critical": CRITICAL}), Judge({"low": LOW, "critical": CRITICAL}), 0.0
    for (step, ratio), wall in zip(story, walls, strict=False):
        at += step
        same = [(change.alert.id, change.state) for change in steady.judge(sample(at, ratio))]
        assert [(c.alert.id, c.state) for c in jumping.judge(sample(at, ratio, wall=wall))] == same


def test_it_fires_after_the_hold_and_ends_after_the_way_back() -> None:
    values: Values = {0: 0.5, 5: 0.08, 10: 0.08, 15: 0.08, 20: 0.15, 60: 0.15, 65: 0.3, 84: 0.3, 85: 0.3}
    assert told(Judge({"low": rule()}), values) == [(15, "low", "firing"), (85, "low", "resolved")]


def test_what_is_unknown_neither_fires_nor_counts_for_the_hold() -> None:
    values: Values = {0: 0.08, 5: None, 30: None, 40: 0.08, 44: 0.08, 45: 0.08}
    assert told(Judge({"low": rule()}), values) == [(45, "low", "firing")]


def test_what_is_unknown_does_not_count_for_the_way_back_either() -> None:
    values: Values = {0: 0.08, 10: 0.08, 20: 0.5, 25: None, 45: 0.5, 59: 0.5, 60: 0.5}
    assert told(Judge({"low": rule()}), values) == [(10, "low", "firing"), (60, "low", "resolved")]


def test_a_firing_alert_that_nobody_can_see_ends_after_a_minute_and_says_so() -> None:
    judge = Judge({"low": rule()})
    values: Values = {0: 0.08, 10: 0.08, 20: None, 79: None}
    assert told(judge, values) == [(10, "low", "firing")]
    assert [one.id for one in judge.firing] == ["low"]
    (ended,) = judge.judge(sample(20 + UNKNOWN_SECONDS, None))
    assert (ended.state, ended.alert.value) == ("resolved", None)
    assert "still holds is unknown" in ended.alert.cause


def test_an_alert_that_becomes_part_of_another_ends_and_names_it() -> None:
    judge = Judge({"low": LOW, "critical": CRITICAL})
    assert told(judge, {0: 0.08, 10: 0.08}) == [(10, "low", "firing")]
    changes = judge.judge(sample(20, 0.01))
    assert [(c.alert.id, c.state) for c in changes] == [("critical", "firing"), ("low", "resolved")]
    assert changes[1].alert.cause == "It is part of critical now."


def test_two_that_hide_each_other_leave_the_one_that_came_first() -> None:
    first, second = rule("first", hidden_by=("second",), hold_seconds=30.0), rule("second", hidden_by=("first",))
    assert told(Judge({"first": first, "second": second}), {0: 0.08, 10: 0.08, 40: 0.08}) == [(10, "second", "firing")]


def test_the_text_says_what_was_measured_now() -> None:
    judge = Judge({"low": rule()})
    for at, ratio in ((0, 0.08), (10, 0.08), (20, 0.06)):
        judge.judge(sample(at, ratio))
    (alert,) = judge.firing
    assert alert.cause == "6% of , limit 10%, 60 MiB."
    assert (alert.since, alert.value) == (5000.0, 0.06)


def test_hiding_is_per_subject_where_both_have_one() -> None:
    low = rule("low", signal="disk_free_ratio", hidden_by=("critical",), cause="{free}", hold_seconds=0.0)
    critical = rule("critical", signal="disk_free_ratio", below=0.05, clear=0.06, cause="{free}", hold_seconds=0.0)
    disks = tuple(
        Disk(mount=mount, role="store", total_bytes=100, free_bytes=free) for mount, free in (("/a", 1), ("/b", 8))
    )
    changes = Judge({"low": low, "critical": critical}).judge(Sample(at=0, monotonic=0, board=Board(disks=disks)))
    assert {(c.alert.id, c.alert.subject) for c in changes} == {("critical", "/a"), ("low", "/b")}


def test_each_subject_stands_for_itself() -> None:
    judge = Judge({"fan": rule("fan", signal="fan_stuck", below=None, above=0, clear=None, cause="{duty}")})
    changes: list[Change] = []
    for at in (0.0, 10.0):
        fans = (Fan(name="a", ratio=0.5, rpm=0), Fan(name="b", ratio=0.5, rpm=900 if at < 5 else 0))
        changes += judge.judge(Sample(at=at, monotonic=at, board=Board(fans=fans)))
    assert [(c.alert.subject, c.alert.cause) for c in changes] == [("a", "50%")]


def test_an_alert_that_happens_or_does_not_has_no_limit_to_change() -> None:
    stuck = rule("fan-stuck", signal="fan_stuck", below=None, above=0.0, clear=None, cause="It stands.")
    with pytest.raises(UsageError, match="it has no limit"):
        Judge({"fan-stuck": stuck}, thresholds=["fan-stuck=1"])


def test_a_single_look_waits_for_nothing() -> None:
    assert told(Judge({"low": rule()}, at_once=True), {0: 0.08}) == [(0, "low", "firing")]


@pytest.mark.parametrize(
    ("threshold", "limit", "clear"),
    [("low=20%", 0.2, 0.3), ("low=0.05", 0.05, 0.15), (" low = 1", 1.0, 1.1)],
)
def test_a_threshold_moves_the_limit_and_the_way_back_with_it(threshold: str, limit: float, clear: float) -> None:
    changed = Judge({"low": rule()}, thresholds=[threshold]).rules["low"]
    assert changed.below == pytest.approx(limit)
    assert changed.clear == pytest.approx(clear)


@pytest.mark.parametrize(
    ("threshold", "words"),
    [
        ("lov=1", "did you mean low?"),
        ("low", "is not ALERT=VALUE"),
        ("low=", "holds no number"),
        ("low=%", "holds no number"),
        ("low=nan", "holds no number"),
        ("low=1e999", "holds no number"),
        ("low=\x1b[31m", "holds no number"),
        ("low=15", "not between 0% and 100%"),
        ("low=-5%", "not between 0% and 100%"),
        ("low=5G", "is not in G"),
    ],
)
def test_a_threshold_that_cannot_be_used_is_refused(threshold: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        Judge({"low": rule()}, thresholds=[threshold])
    told = f"{caught.value.message}\n{caught.value.hint}"
    assert words in told
    assert "\x1b" not in told


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"signal": "memory_available"}, "did you mean memory_available_ratio?"),
        ({"cause": "{avail}"}, "did you mean available?"),
        ({"fix": "{subject:.0f}"}, "cannot be formatted"),
    ],
)
def test_a_rule_that_speaks_of_nothing_is_refused(changes: dict[str, str], words: str) -> None:
    with pytest.raises(CatalogError) as caught:
        Judge({"low": rule(**changes)})
    assert words in f"{caught.value.message}\n{caught.value.hint}"
    assert "profiles/alerts/low.yaml" in caught.value.message


def test_the_worst_alert_comes_first_and_a_silenced_one_last() -> None:
    class Quiet:
        def silenced(self, id_: str, at: float) -> bool:
            return id_ == "critical"

    rails = (Rail(name="VDD_IN", volts=4.0),)
    volts = rule("volts", signal="input_volts", below=4.75, clear=4.8, cause="{value:.2f}", severity="critical")
    board = msgspec.structs.replace(sample(0, 0.01).board, rails=rails)
    judge = Judge({"low": rule(), "critical": CRITICAL, "volts": volts}, silences=Quiet(), at_once=True)
    judge.judge(Sample(at=0, monotonic=0, board=board))
    assert [(one.id, one.silenced) for one in judge.firing] == [("volts", False), ("low", False), ("critical", True)]
