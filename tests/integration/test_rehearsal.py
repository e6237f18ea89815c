"""The rehearsal through the command line: every part real but the board and the weights."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from jetson_deploy.rehearsal.faults import FAULTS
from jetson_deploy.rehearsal.session import kept_sessions

pytestmark = pytest.mark.integration


def rehearse(*arguments: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "jetson_deploy", "rehearse", *arguments]
    return subprocess.run(argv, capture_output=True, text=True, timeout=280, check=False)


def leftovers() -> list[str]:
    """Namespaces, mounts and directories of rehearsals."""
    namespaces = [p.name for p in Path("/run/netns").glob("jd-*")] if Path("/run/netns").is_dir() else []
    mounts = [line for line in Path("/proc/mounts").read_text().splitlines() if "/var/tmp/jd-" in line]
    return namespaces + mounts + [str(p) for p in Path("/var/tmp").glob("jd-*")]


@pytest.fixture(autouse=True)
def nothing_is_left() -> Any:
    before = leftovers()
    yield
    assert leftovers() == before


def test_the_default_rehearsal_passes_every_part_and_marks_what_is_simulated() -> None:
    done = rehearse("--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert [p["name"] for p in document["parts"]][2:] == [
        "detect",
        "plan",
        "up",
        "up again",
        "status",
        "chat",
        "down",
    ]
    assert all(p["exit_code"] == 0 for p in document["parts"])
    assert "simulated: board and memory of orin-nano-8gb-jp6.2" in done.stderr


def test_a_thor_gets_the_image_that_its_plan_picks_too() -> None:
    done = rehearse("thor-t5000-jp7", "--json")
    assert done.returncode == 0, done.stderr


def test_a_board_without_any_image_ends_with_the_plan_s_own_refusal() -> None:
    done = rehearse("nano-4gb-jp4.6.4")
    assert done.returncode == 3
    assert "no image can serve on L4T 32.7.4" in done.stderr


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_handled_as_promised(fault: str) -> None:
    done = rehearse("--fault", fault, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["handled"] is True


def test_a_kept_rehearsal_can_be_talked_to_and_ended() -> None:
    done = rehearse("--keep", "--json")
    assert done.returncode == 0, done.stderr
    kept = json.loads(done.stdout)
    try:
        chat = subprocess.run(
            [kept["jd"], "chat", "--json", "--max-tokens", "40", "Say hi."],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert chat.returncode == 0, chat.stderr
        assert json.loads(chat.stdout)["tokens"] > 0
        assert kept["id"] in [k.id for k in kept_sessions()]
    finally:
        assert rehearse("--stop", kept["id"]).returncode == 0


def test_an_unknown_board_fault_or_session_is_told_with_what_there_is() -> None:
    for arguments, part in (
        (["orin-nano-8gb-jp62"], "did you mean orin-nano-8gb-jp6.2"),
        (["--fault", "gremlins"], "no-gpu"),
        (["--stop", "nosuch"], "running: "),
    ):
        done = rehearse(*arguments)
        assert done.returncode == 2
        assert part in done.stderr
