"""How many devices may be away at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from fleet_work import Board, Controller, FakeWork, begun, ends
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jetson_deploy.errors import UsageError
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.end_state import DeviceResult
from jetson_deploy.fleet.rollout.amount import Amount
from jetson_deploy.fleet.rollout.budget import groups, held_back
from jetson_deploy.fleet.rollout.sequence import Budget

RACKS = {"a1": "a", "a2": "a", "a3": "a", "b1": "b"}


@pytest.mark.parametrize(
    ("budget", "unavailable", "may"),
    [
        (Budget(), {"a2", "a3", "b1"}, True),
        (Budget(min_available=Amount(number=2), group_by="variables.rack"), set[str](), True),
        (Budget(min_available=Amount(number=2), group_by="variables.rack"), {"a2"}, False),
        (Budget(min_available=Amount(number=2), group_by="variables.rack"), {"b1"}, True),
        (Budget(min_available=Amount(number=2), group_by="variables.rack"), {"a1"}, True),
        (Budget(min_available=Amount(number=3), group_by="variables.rack"), set[str](), False),
        (Budget(max_unavailable=Amount(number=1), group_by="variables.rack"), {"a3"}, False),
        (Budget(max_unavailable=Amount(number=2), group_by="variables.rack"), {"a3"}, True),
        (Budget(max_unavailable=Amount(number=10, percent=True), group_by="variables.rack"), set[str](), True),
    ],
)
def test_a_device_may_be_taken_away_as_long_as_its_group_allows_it(
    budget: Budget, unavailable: set[str], may: bool
) -> None:
    assert (held_back("a1", budget, RACKS, unavailable) is None) is may


def test_devices_without_the_field_are_one_group() -> None:
    devices = [Device(name="x"), Device(name="y"), Device(name="z", variables={"rack": 7})]
    assert groups(devices, Budget(group_by="variables.rack")) == {"x": "-", "y": "-", "z": "7"}


def test_a_group_by_of_no_field_is_refused() -> None:
    with pytest.raises(UsageError):
        groups([], Budget(group_by="rack"))


BEHAVIOUR = st.sampled_from(["proven", "unchanged", "failed", "rolled-back", "unreachable", "cut-then-proven"])


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(behaviours=st.lists(BEHAVIOUR, min_size=1, max_size=8), least=st.integers(0, 4), most=st.integers(1, 4))
def test_no_more_devices_of_a_group_are_at_work_than_its_budget_leaves(
    tmp_path_factory: pytest.TempPathFactory, behaviours: list[str], least: int, most: int
) -> None:
    boards = [Board(f"{'ab'[number % 2]}{number}", one) for number, one in enumerate(behaviours)]
    budget = {"min_available": least, "max_unavailable": most, "group_by": "variables.rack"}
    work = FakeWork(boards)
    controller = Controller(tmp_path_factory.mktemp("r") / "r", work)
    section = {"sequence": [{}], "success_threshold": 0, "soak": 0, "disruption_budget": budget}
    story = controller.up(begun(boards, section))
    for now in work.most:
        for rack in "ab":
            members = [board for board in boards if board.device.name[0] == rack]
            away = [name for name in now if name[0] == rack]
            assert len(away) <= most
            assert not away or len(members) - len(away) >= min(least, len(members))
    assert set(ends(story)) == {board.device.name for board in boards}
    assert "waiting" not in ends(story).values()


def test_devices_that_no_budget_allows_are_deferred_with_the_reason_and_begun_by_resume(tmp_path: Path) -> None:
    boards = [Board("a1", "failed"), Board("a2"), Board("a3")]
    section: dict[str, object] = {"success_threshold": 0, "disruption_budget": {"max_unavailable": 1}, "sequence": [{}]}
    story = Controller(tmp_path / "r", FakeWork(boards)).up(begun(boards, section))
    assert ends(story) == {"a1": "failed", "a2": "deferred", "a3": "deferred"}
    assert story.devices["a2"].end is not None
    assert "1 of 3 devices are unavailable" in story.devices["a2"].end.reason
    assert boards[1].starts == 0


def test_what_could_not_be_read_counts_as_away_from_the_start(tmp_path: Path) -> None:
    boards = [Board("a1"), Board("a2"), Board("a3", "unreachable")]
    lost = DeviceResult(device="a3", state="unreachable", reason="no answer")
    section: dict[str, object] = {"success_threshold": 0, "disruption_budget": {"min_available": 2}, "sequence": [{}]}
    story = Controller(tmp_path / "r", FakeWork(boards)).up(begun(boards, section, results=[lost]))
    assert ends(story) == {"a1": "deferred", "a2": "deferred", "a3": "unreachable"}
