"""A device that is as wanted already is asked one question; any answer but a plain yes leads to its own `up`."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path
from typing import Any

import pytest
from unit_board import UnitBoard, events_file, no_pause

from jetson_deploy.events import Event
from jetson_deploy.fleet.connection import Connection
from jetson_deploy.fleet.deploy import DeviceJobs
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.end_state import DeviceResult
from jetson_deploy.fleet.job.folder import Before, JobResult
from jetson_deploy.fleet.job.standing import _THIS_VERSION, FRESH_SECONDS, Standing

WANTED = "jd-default-2 (running)"
YES: dict[str, Any] = {"healthy": True, "container": "jd-default-2", "drift": [], "not_compared": [], "notes": []}
NO: dict[str, dict[str, Any]] = {
    "it is not healthy": {"healthy": False},
    "another container serves": {"container": "jd-default-3"},
    "something needs attention": {"attention": "rolling back failed"},
    "a run died there": {"unfinished": "up"},
    "its record is not to be used": {"notes": ["the record is damaged"]},
    "something could not be compared": {"not_compared": ["no engine"]},
    "no drift was looked for": {"drift": None},
}


def board_that_says(**said: Any) -> UnitBoard:
    board = UnitBoard()
    board.status = YES | said

    def begin() -> None:
        ended = {"event": "finished", "exit_code": 0, "result": "done"}
        board.result = JobResult(exit_code=0, finished=ended)
        board.events, board.before = events_file([ended], board.result), Before()

    board.begin = begin  # type: ignore[method-assign]
    return board


def deployed(board: UnitBoard, standing: Standing) -> DeviceResult:
    async def bring(connection: Connection) -> str:
        return "/tool"

    def report(device: Device, event: Event) -> None:
        """Not looked at."""

    jobs = DeviceJobs(board, "20260102T030405Z-beef", bring, sleep=no_pause, standing=standing)
    return asyncio.run(jobs.deploy(board.device, report))


def test_a_yes_is_the_whole_of_it_over_one_connection() -> None:
    board = board_that_says()
    found = deployed(board, Standing({"board-1": WANTED}))
    assert (found.state, found.document) == ("unchanged", YES)
    assert (len(board.commands), board.connects, board.started) == (1, 1, [])


@pytest.mark.parametrize("why", NO)
def test_anything_else_leads_to_its_own_up(why: str) -> None:
    board = board_that_says(**NO[why])
    assert deployed(board, Standing({"board-1": WANTED})).state == "proven"
    assert len(board.started) == 1


def test_an_exit_code_that_is_not_0_leads_to_its_own_up() -> None:
    board = board_that_says()
    board.status_code = 1
    assert deployed(board, Standing({"board-1": WANTED})).state == "proven"


def test_an_answer_that_is_lost_leads_to_its_own_up() -> None:
    board = board_that_says()
    board.lost_at = {1}
    assert deployed(board, Standing({"board-1": WANTED})).state == "proven"
    assert (board.connects, len(board.started)) == (2, 1)


def test_another_device_is_not_asked() -> None:
    board = board_that_says()
    assert deployed(board, Standing({"board-2": WANTED})).state == "proven"


def test_a_plan_that_is_old_is_none() -> None:
    board, times = board_that_says(), iter((0.0, FRESH_SECONDS + 1))
    assert deployed(board, Standing({"board-1": WANTED}, clock=lambda: next(times))).state == "proven"


@pytest.mark.parametrize(
    ("linked", "installed", "asked"), [(True, True, True), (False, True, False), (True, False, False)]
)
def test_only_this_very_version_is_asked(tmp_path: Path, *, linked: bool, installed: bool, asked: bool) -> None:
    tool, link = tmp_path / "1-abc/bin/tool", tmp_path / "link"
    tool.parent.mkdir(parents=True)
    tool.write_text('#!/bin/sh\necho "$@"\n')
    tool.chmod(0o755)
    link.symlink_to(tool if linked else "/elsewhere/bin/tool")
    if installed:
        (tmp_path / "1-abc/.installed").touch()
    argv = ["sh", "-c", _THIS_VERSION, str(tool), str(link), "status", "--json"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode == 0, done.stdout) == (asked, "status --json\n" if asked else "")
