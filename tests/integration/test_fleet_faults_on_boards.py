"""One rollout over boards of which each is broken in another way: what the user sees of it, and that the rest finishes.

Some are broken before the controller reads them, some after it has planned for them (it is paused meanwhile), some
while their `up` runs. Then all are mended, and `--retry-failed` brings them to what is asked for.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from board_faults import CI, FAULTS, Board, When
from board_site import SECONDS, Site, states
from fleet_boards import booted_boards, controller

pytestmark = [pytest.mark.integration, pytest.mark.fault("F23"), pytest.mark.timeout(900)]
CONTEXT = 3072


class Story(NamedTuple):
    site: Site
    boards: dict[str, Board]
    code: int
    document: dict[str, Any]
    before: dict[str, tuple[int, int]]

    def row(self, fault: str) -> dict[str, Any]:
        rows: list[dict[str, Any]] = self.document["devices"]
        (row,) = (one for one in rows if one["device"] == self.boards[fault].name)
        return row


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "fault" in metafunc.fixturenames:
        metafunc.parametrize("fault", FAULTS if metafunc.config.getoption("--full") else CI)


@pytest.fixture(scope="module")
def story(full: bool) -> Iterator[Story]:
    faults = list(FAULTS) if full else CI
    with booted_boards(len(faults) + 1, kind="light") as fleet:
        site = Site(fleet)
        boards = {fault: Board(site, name) for fault, name in zip(faults, site.names[1:], strict=True)}
        yield rolled_out(site, boards)


def rolled_out(site: Site, boards: dict[str, Board]) -> Story:
    canary = site.names[0]
    for fault, board in boards.items():
        site.host(board.name, user=FAULTS[fault].user)
        if FAULTS[fault].when == "working":  # its proof lasts until it is broken
            site.behave(board.name, {"seconds": 30, "when": {"OLLAMA_CONTEXT_LENGTH": str(CONTEXT)}})
    # The soak is long enough for the pause to be heard before another board is begun.
    site.ask(CONTEXT, success_threshold=0, sequence=[{"limit": 1, "selector": canary, "soak": 8}])
    before = {name: site.recorded(name) for name in site.names}
    break_those(boards, "first")
    count = site.count()
    with site.working("up", "--yes") as process:
        site.wait_for(count, "device-started", canary)
        assert controller(site.fleet, "fleet", "pause").returncode == 0
        site.wait_for(count, "held")
        break_those(boards, "planned")
        assert controller(site.fleet, "fleet", "resume", *site.where()).returncode == 0
        breaker = threading.Thread(target=break_at_work, args=(boards, site.record().parent.name))
        breaker.start()
        out, err = process.communicate(timeout=SECONDS)
        breaker.join()
    assert out, err
    return Story(site, boards, process.returncode, json.loads(out), before)


def break_those(boards: dict[str, Board], when: When) -> None:
    for fault, board in boards.items():
        if FAULTS[fault].when == when:
            FAULTS[fault].breaks(board)


def break_at_work(boards: dict[str, Board], rollout: str) -> None:
    for fault, board in boards.items():
        if FAULTS[fault].when == "working":
            board.wait_for_step(rollout)
            FAULTS[fault].breaks(board)


def test_every_board_stands_in_the_report_once_and_the_canary_is_proven(story: Story) -> None:
    assert story.code == 9
    rows = story.document["devices"]
    assert [row["device"] for row in rows] == story.site.names
    assert rows[0]["state"] == "proven"
    assert story.document["rollout"]["result"] == "done"
    shown = controller(story.site.fleet, "fleet", "show", "--json")
    assert states(json.loads(shown.stdout)) == states(story.document)


def test_each_fault_has_its_state_its_cause_and_its_fix(story: Story, fault: str) -> None:
    wanted, row = FAULTS[fault], story.row(fault)
    assert (row["state"], row["code"]) == (wanted.state, wanted.code), row
    assert wanted.says in row["reason"], row
    assert wanted.fix in row["hint"], row
    as_wanted = wanted.state == "proven"
    assert bool(row["reason"]) == bool(row["hint"]) == (not as_wanted), row
    assert "\n" not in row["reason"] + row["hint"]


def test_a_board_that_failed_has_its_old_revision_on_record(story: Story, fault: str) -> None:
    name = story.boards[fault].name
    context, revision = story.site.recorded(name)
    if FAULTS[fault].state == "proven":
        assert (context, revision) == (CONTEXT, story.before[name][1] + 1)
    elif not FAULTS[fault].elsewhere:
        assert (context, revision) == story.before[name]


def test_status_shows_what_a_dead_controller_left_at_work_on_a_board(story: Story) -> None:
    board = story.boards["another controller works there"]
    _, document = story.site.typed("status", "--limit", board.name)
    (row,) = document["devices"]
    assert "its unit jd-fleet-" in row["reason"], row


def test_once_mended_retry_failed_brings_each_to_what_is_asked_for(story: Story) -> None:
    site, failed = story.site, [fault for fault in story.boards if FAULTS[fault].state != "proven"]
    mended = [fault for fault in failed if FAULTS[fault].mends is not None]
    for fault in mended:
        mend = FAULTS[fault].mends
        assert mend is not None
        mend(story.boards[fault])
        site.behave(story.boards[fault].name, {})
    names = [story.boards[fault].name for fault in mended]
    code, document = site.typed("up", "--yes", "--retry-failed", "--force", "--limit", ":".join(names))
    assert states(document) == dict.fromkeys(names, "proven"), document["devices"]
    assert code == 0
    assert {name: site.recorded(name)[0] for name in names} == dict.fromkeys(names, CONTEXT)
