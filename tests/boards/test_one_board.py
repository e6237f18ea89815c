"""The short proof on one virtual board: first install by fleet, up again, a reboot, a power cut."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from deployed_board import Board

pytest_plugins = ("board_figures", "board_fixture")
pytestmark = [pytest.mark.boards, pytest.mark.timeout(3600)]
Property = Callable[[str, object], None]


def test_a_bare_board_is_deployed_to_by_fleet_and_up_again_changes_nothing(
    board: Board, record_property: Property
) -> None:
    record_property("figure", "V1")
    status = board.document("status", "--drift")
    assert board.run.plan is not None
    assert (status["healthy"], status["model"]) == (True, board.run.plan.model.name)  # as its capture is planned
    again = board.document("up", "--accept-cpu")
    assert (again["result"], again["container"]) == ("no-changes", status["container"])


def test_after_a_reboot_it_serves_by_itself(board: Board, record_property: Property) -> None:
    record_property("figure", "V2")
    before = board.document("status")
    board.reboots()
    after = board.serves_by_itself()
    assert (after["revision"], after["proven_at"]) == (before["revision"], before["proven_at"])


def test_after_a_power_cut_it_serves_by_itself_and_nothing_is_unfinished(
    board: Board, record_property: Property
) -> None:
    record_property("figure", "V3")
    before = board.document("status")
    board.loses_power()
    after = board.serves_by_itself()
    assert (after["revision"], after["proven_at"]) == (before["revision"], before["proven_at"])
    assert board.document("recover")["result"] == "no-changes"
