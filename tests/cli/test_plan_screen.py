"""The whole screen of `plan`, as data: after a change of its text, look at what `git diff` shows of the screens."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from forked_cli import ran

HOSTS = Path(__file__).parent.parent / "hosts"
SCREENS = Path(__file__).parent / "screens"
ORIN_NANO, AGX_ORIN, THOR = "orin-nano-8gb-jp6.2", "agx-orin-32gb-jp6.0", "agx-thor-jp7.1"
SHOWN: dict[str, tuple[str, ...]] = {
    "plan-orin-nano": ("plan", "--root", ORIN_NANO),
    "plan-agx-orin": ("plan", "--root", AGX_ORIN),
    "plan-agx-orin-verbose": ("plan", "-v", "--root", AGX_ORIN),
    "plan-two-at-once": ("plan", "1.5b", "--parallel", "2", "--root", ORIN_NANO),
    "plan-less-context": ("plan", "--root", AGX_ORIN, "--context", "32768"),
    "plan-memory-held": ("plan", "--root", THOR),
    "plan-for-a-board": ("plan", "--board", "orin-nx-16gb"),
}


def screen(*arguments: str) -> str:
    """Paths neutral to where the clone lies."""
    words = [str(HOSTS / word / "root") if word in (ORIN_NANO, AGX_ORIN, THOR) else word for word in arguments]
    done = ran(*words, environment={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"})
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.replace(str(HOSTS), "HOSTS")


@pytest.mark.parametrize("name", SHOWN)
def test_the_screen_is_as_it_was_when_it_was_looked_at(name: str) -> None:
    shown, file = screen(*SHOWN[name]), SCREENS / f"{name}.txt"
    if os.environ.get("REDRAW"):
        file.write_text(shown, encoding="utf-8")
    assert shown == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("host", sorted(path.name for path in HOSTS.iterdir() if path.is_dir()))
def test_the_answer_has_at_most_ten_lines_and_no_none_on_every_captured_board(host: str) -> None:
    expected = json.loads((HOSTS / host / "plan.json").read_text())
    done = ran("plan", "-v", "--root", str(HOSTS / host / "root"), environment={"PATH": "/usr/bin:/bin"})
    assert done.returncode == expected.get("exit_code", 0)
    assert "None" not in done.stdout + done.stderr
    assert len(done.stdout.partition("\n\n")[0].splitlines()) <= 10
