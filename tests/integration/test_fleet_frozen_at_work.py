"""Boards that stand still while their `up` runs: some seconds, for good as a whole, or its processes alone.

By command alone (scripts/test faults --full): what does not come back is waited for 3 minutes, twice.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from board_faults import STATE, Board
from board_site import Site, states
from fleet_boards import booted_boards

pytestmark = [pytest.mark.integration, pytest.mark.fault("F23"), pytest.mark.long, pytest.mark.timeout(1800)]
CONTEXT = 3072
A_WHILE = 40.0
"""Longer than a connection bears, shorter than a device is waited for."""
GIVEN_UP = 900.0


class Story(NamedTuple):
    site: Site
    code: int
    document: dict[str, Any]
    before: dict[str, tuple[int, int]]

    def row(self, name: str) -> dict[str, Any]:
        (row,) = (one for one in self.document["devices"] if one["device"] == name)
        return dict(row)


def stop(board: Board, signal: str) -> None:
    """`up` itself: its runner and the board go on."""
    board.sh(f"pkill -{signal} -f '[j]etson_deploy up'")


def stop_unit(board: Board, signal: str) -> None:
    """All its processes."""
    board.sh(f"systemctl kill --signal={signal} 'jd-fleet-*'")


@pytest.fixture(scope="module")
def story() -> Iterator[Story]:
    with booted_boards(6, kind="light") as fleet:
        site = Site(fleet)
        yield rolled_out(site)


def rolled_out(site: Site) -> Story:
    canary, _, *still = site.names
    boards = [Board(site, name) for name in still]
    for board in boards:  # its proof lasts until it stands still
        site.behave(board.name, {"seconds": 20, "when": {"OLLAMA_CONTEXT_LENGTH": str(CONTEXT)}})
    site.ask(CONTEXT, success_threshold=0, sequence=[{"limit": 1, "selector": canary}])
    before = {name: site.recorded(name) for name in site.names}
    count = site.count()
    with site.working("up", "--yes") as process:
        site.wait_for(count, "device-started", still[-1])
        rollout = site.record().parent.name
        threads = [threading.Thread(target=stand_still, args=(n, board, rollout)) for n, board in enumerate(boards)]
        for thread in threads:
            thread.start()
        out, err = process.communicate(timeout=GIVEN_UP)
        for thread in threads:
            thread.join()
    assert out, err
    return Story(site, process.returncode, json.loads(out), before)


def stand_still(number: int, board: Board, rollout: str) -> None:
    board.wait_for_step(rollout)
    if number == 0:
        with board.breaking.frozen():
            time.sleep(A_WHILE)
    elif number == 1:
        board.breaking.freeze()
    elif number == 2:
        stop(board, "STOP")
    else:
        stop_unit(board, "STOP")


def test_the_rest_finishes_and_each_stands_in_the_report_once(story: Story) -> None:
    canary, other, a_while, *_ = story.site.names
    assert story.code == 9
    assert [row["device"] for row in story.document["devices"]] == story.site.names
    assert {story.row(name)["state"] for name in (canary, other, a_while)} == {"proven"}, story.document["devices"]


def test_one_that_stands_still_for_good_is_unknown_with_a_cause_and_a_fix(story: Story) -> None:
    *_, whole, stopped, unit = story.site.names
    assert [story.row(name)["state"] for name in (whole, stopped, unit)] == ["unknown"] * 3, story.document["devices"]
    assert story.row(whole)["code"] == "unreachable"
    for name in (stopped, unit):
        row = story.row(name)
        assert row["code"] == "no-heartbeat" and "though its unit runs" in row["reason"], row
    for name in (whole, stopped, unit):
        assert "fleet resume" in story.row(name)["hint"]


def test_once_it_moves_again_resume_takes_its_result_and_begins_nothing(story: Story) -> None:
    site = story.site
    *_, whole, stopped, unit = site.names
    Board(site, whole).breaking.thaw()
    stop(Board(site, stopped), "CONT")
    stop_unit(Board(site, unit), "CONT")
    code, document = site.typed("resume")
    found = states(document)
    # What a run waited for while it stood still may have been too late: then it has undone what it began.
    assert set(found.values()) <= {"proven", "rolled-back"}, document["devices"]
    assert code == (9 if "rolled-back" in found.values() else 0)
    for name, state in found.items():
        before = story.before[name]
        assert site.serving(name) == ((CONTEXT, before[1] + 1) if state == "proven" else before), name
        units = site.fleet.files(site.place(name)) / f"{STATE.lstrip('/')}/fleet"
        assert len(list(units.iterdir())) == 1, name
