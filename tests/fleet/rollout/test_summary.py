"""What a record says of each device of a rollout that nobody works on."""

from __future__ import annotations

from pathlib import Path

import pytest
from fleet_work import SECONDS, Board, Controller, FakeWork, begun

from jetson_deploy.fleet.rollout.summary import summary


@pytest.mark.parametrize(("canary", "hint"), [("rolled-back", "up --retry-failed"), ("cut-for-ever", "fleet resume")])
def test_a_device_that_was_not_begun_is_told_what_begins_it(canary: str, hint: str, tmp_path: Path) -> None:
    """`resume` asks one whose end is not known; where all have an end it would stop at the same batch again."""
    boards = [Board("a1", canary), Board("b1")]
    story = Controller(tmp_path / "fleet" / "20261129T120000Z-00aa", FakeWork(boards)).up(begun(boards))
    waiting = summary(story, working=False).devices[1]
    assert (waiting.state, hint in waiting.hint) == ("not-started", True), waiting


@pytest.mark.parametrize("behaviour", ["proven", "second-proof-fails", "rolled-back", "failed"])
def test_what_a_devices_run_took_is_said_however_it_ended(behaviour: str, tmp_path: Path) -> None:
    """The second proof, which is the last that is heard of it, took another time."""
    boards = [Board("a1", behaviour)]
    story = Controller(tmp_path / "fleet" / "20261129T120000Z-00aa", FakeWork(boards)).up(begun(boards))
    assert summary(story, working=False).devices[0].seconds == SECONDS
