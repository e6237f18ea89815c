"""The short proof on one virtual board: first install by fleet, up again, its watcher and recorder as units."""

from __future__ import annotations

import pytest
from deployed_board import Board, deployed_boards

pytestmark = [pytest.mark.boards, pytest.mark.timeout(3600)]


def test_a_bare_board_is_deployed_to_and_up_again_changes_nothing() -> None:
    with deployed_boards() as run:
        board = Board(run, run.machines[0])
        assert "no changes" in board.must("up").stdout
        first = board.serves()
        assert run.plan is not None and first["model"] == run.plan.model.name  # as its capture is planned
        board.must("watch", "--install")
        board.must("monitor", "install")
