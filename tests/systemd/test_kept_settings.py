"""Settings of a shell that a service goes on having: none of them goes into a unit unsaid."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

COMMANDS = [("watch",), ("monitor", "install")]
SET = {"DOCKER_HOST": "unix:///run/test.sock", "JETSON_DEPLOY_STATE_DIR": "/tmp/of a test"}


def said(command: tuple[str, ...], folder: Path, settings: dict[str, str]) -> tuple[str, str]:
    """Narration, and the text of the units."""
    passed_on = ("JETSON_DEPLOY_", "DOCKER_HOST", "PYTHONPATH")
    bare = {name: value for name, value in os.environ.items() if not name.startswith(passed_on)}
    argv = [sys.executable, "-m", "jetson_deploy", *command, "--units", str(folder)]
    done = subprocess.run(argv, env={**bare, **settings}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr, "".join(unit.read_text() for unit in folder.iterdir())


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_settings_that_stand_in_the_units_are_named(command: tuple[str, ...], tmp_path: Path) -> None:
    narration, units = said(command, tmp_path, SET)
    for name, value in SET.items():
        assert f"{name}={value}" in narration
        assert f"{name}={value}" in units


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_without_settings_no_word_is_lost_about_them(command: tuple[str, ...], tmp_path: Path) -> None:
    narration, units = said(command, tmp_path, {})
    assert ("settings" in narration, "Environment=" in units) == (False, False)
