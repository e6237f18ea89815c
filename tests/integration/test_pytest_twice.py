"""`scripts/pytest-twice`: a test that fails once is run again by itself and named, one that fails twice fails."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration
SCRIPT = Path(__file__).parents[2] / "scripts/pytest-twice"
PASSES = "def test_passes():\n    pass\n"
FAILS = "def test_fails_{number}():\n    assert False\n"
FAILS_ONCE = """
def test_fails_once(pytestconfig):
    before = pytestconfig.rootpath / "ran"
    ran = before.exists()
    before.touch()
    assert ran
"""


def run(folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "test_it.py").write_text(text)
    return subprocess.run(
        [sys.executable, SCRIPT, "-q", "-n", "1", "--dist", "loadfile"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("text", "code", "again", "end"),
    [
        (PASSES + FAILS_ONCE, 0, True, "passed at the second run, alone:\n  test_it.py::test_fails_once"),
        (FAILS_ONCE + FAILS, 1, True, "passed at the second run, alone:\n  test_it.py::test_fails_once\n"),
        ("".join(FAILS.format(number=number) for number in range(3)), 1, False, "3 failed"),
        ("", 5, False, "no tests ran"),
    ],
    ids=["fails once", "one of two fails twice", "three fail", "none"],
)
def test_what_failed_is_run_once_more_and_is_named(tmp_path: Path, text: str, code: int, again: bool, end: str) -> None:
    done = run(tmp_path, text.replace("{number}", "1"))
    assert done.returncode == code, done.stdout + done.stderr
    assert ("run once more" in done.stdout) == again
    assert end.replace("{number}", "1") in done.stdout
