"""`rehearse --fleet`: one command shows a rollout, a canary that fails, a controller that is killed, and a resume."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from fleet_boards import need_boards

pytestmark = pytest.mark.integration


def rehearse(*arguments: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "jetson_deploy", "rehearse", *arguments]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=280, env=dict(os.environ))


@pytest.mark.fault("F23")
def test_a_rollout_is_shown_with_one_command_kept_used_and_ended() -> None:
    need_boards()
    done = rehearse("--fleet", "2", "--keep", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads(done.stdout)
    try:
        assert [(part["name"], part["exit_code"]) for part in document["parts"]] == [
            ("boot 2 boards", 0),
            ("who answers", 0),
            ("the canary fails", 9),
            ("the controller is killed", -9),
            ("taken up again", 0),
            ("what serves", 0),
        ]
        shown = subprocess.run(
            [document["jd"], "fleet", "hosts", "--json"], capture_output=True, text=True, check=False
        )
        assert shown.returncode == 0, shown.stderr
        assert document["id"] in rehearse("--list").stdout
    finally:
        ended = rehearse("--stop", document["id"], "--json")
    assert json.loads(ended.stdout)["ended"] == [document["id"]]
    assert not Path(document["directory"]).exists()


def test_it_is_refused_with_what_it_does_not_show() -> None:
    done = rehearse("--fleet", "2", "--fault", "no-gpu")
    assert done.returncode == 2
    assert "leave out --model and --fault" in done.stderr
