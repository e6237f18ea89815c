"""The escalation with a clock of numbers: observations every 10 s, and the actions at each."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jetson_deploy.watch.escalation import Assessment, Escalation, Limits, next_action
from jetson_deploy.watch.judge import Cure, Fault

LIMITS = Limits(max_restarts=3, window_seconds=600.0, roll_back=True)
SILENT = Fault(kind="no-answer", text="silent", cure="restart")
OFF_GPU = Fault(kind="off-gpu", text="0 %", cure="reload")
CRASHED = Fault(kind="crashed", text="died", cure="none", in_a_row=1)
WELL, UNKNOWN = None, "unknown"
Look = Fault | str | None


def escalated(
    looks: list[Look], limits: Limits = LIMITS, *, can: bool = True, every: float = 10.0
) -> list[tuple[float, str]]:
    """(time, action) of everything but notices."""
    escalation = Escalation()
    done: list[tuple[float, str]] = []
    for number, fault in enumerate(looks):
        now = number * every
        look = Assessment(
            fault=fault if isinstance(fault, Fault) else None,
            sound=fault is WELL,
            restarts=1 if fault is CRASHED else 0,
            can_roll_back=can,
        )
        escalation, actions = next_action(escalation, look, now, limits)
        done += [(now, a.what) for a in actions if a.what != "notice"]
    return done


def test_one_look_alone_restarts_nothing() -> None:
    assert escalated([SILENT, WELL, SILENT, WELL]) == []


@pytest.mark.fault("F28")
def test_restarts_back_off_then_it_is_rolled_back_then_left_to_somebody() -> None:
    assert escalated([SILENT] * 60) == [
        (10, "restart"),
        (30, "restart"),
        (60, "restart"),
        (120, "roll-back"),
        (140, "restart"),
        (160, "restart"),
        (190, "restart"),
        (250, "give-up"),
    ]


def test_without_a_revision_to_go_back_to_it_is_left_to_somebody() -> None:
    assert [what for _, what in escalated([SILENT] * 60, can=False)] == ["restart"] * 3 + ["give-up"]


def test_rolling_back_can_be_forbidden() -> None:
    limits = Limits(max_restarts=0, window_seconds=600, roll_back=False)
    assert [what for _, what in escalated([SILENT] * 60, limits)] == ["give-up"]


@pytest.mark.fault("F28")
def test_a_lost_gpu_is_first_answered_by_loading_the_model_again() -> None:
    assert [what for _, what in escalated([OFF_GPU] * 10)][:2] == ["reload", "restart"]


def test_docker_s_own_restarts_count() -> None:
    done = escalated([CRASHED, UNKNOWN] * 5, can=False)
    assert done == [(60, "give-up")]


def test_a_start_under_way_neither_heals_nor_forgets_the_back_off() -> None:
    assert escalated([SILENT, SILENT, UNKNOWN, SILENT, SILENT]) == [(10, "restart"), (40, "restart")]


def test_health_is_told_once_and_old_restarts_are_forgotten_after_the_window() -> None:
    looks: list[Look] = [*[SILENT, SILENT, WELL] * 3, *[WELL] * 60, SILENT, SILENT, WELL]
    assert [what for _, what in escalated(looks)] == ["restart", "recovered"] * 4


def test_what_was_given_up_is_not_healed_until_it_was_well_for_the_window() -> None:
    limits = Limits(max_restarts=0, window_seconds=100, roll_back=False)
    assert escalated([SILENT, SILENT, WELL, SILENT, SILENT, *[WELL] * 12, SILENT, SILENT], limits) == [
        (10, "give-up"),
        (150, "recovered"),
        (180, "give-up"),
    ]


faults = st.sampled_from(
    [WELL, UNKNOWN, CRASHED, *(Fault(kind="no-answer", text="x", cure=c) for c in ("restart", "unpause", "reload"))]
)


@given(looks=st.lists(faults, max_size=200), can=st.booleans())
@pytest.mark.fault("F28")
def test_never_more_restarts_in_a_window_than_allowed_and_never_two_ways_back(looks: list[Look], can: bool) -> None:
    done = escalated(looks, can=can)
    back = [at for at, what in done if what == "roll-back"]
    assert len(back) <= 1
    restarts = [at for at, what in done if what in ("restart", "unpause")]
    for at in restarts:
        # Rolling back starts the count anew.
        mine = [r for r in restarts if at - 600 < r <= at and not any(r <= b < at for b in back)]
        assert len(mine) <= LIMITS.max_restarts


@pytest.mark.parametrize("cure", ["none", "wait"])
def test_what_the_engine_heals_itself_is_only_told(cure: Cure) -> None:
    escalation, actions = next_action(
        Escalation(),
        Assessment(fault=Fault(kind="crashed", text="x", cure=cure, in_a_row=1), sound=False),
        0,
        LIMITS,
    )
    assert [a.what for a in actions] == ["notice"]
    assert (
        next_action(
            escalation,
            Assessment(fault=Fault(kind="crashed", text="x", cure=cure, in_a_row=1), sound=False),
            10,
            LIMITS,
        )[1]
        == ()
    )
