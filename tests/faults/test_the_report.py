"""The report is counted, and a count that is not full is a failure."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from fault_report import FAULTS, NOT_BUILT

# Each starts a pytest of its own: too slow for the quick suite.
pytestmark = pytest.mark.integration

TESTS = """
import pytest

def test_counted(fault_count):
    fault_count("F1", {passed}, 3, "kill points converged")
    fault_count("F1", 2, 2, "kill points of recover")

@pytest.mark.fault("F4")
@pytest.mark.parametrize("n", [1, 2])
def test_marked(n):
    assert n <= {most}

@pytest.mark.fault("F9")
def test_of_something_else():
    pass
"""


def report(directory: Path, *options: str, passed: int = 3, most: int = 2) -> tuple[int, list[str]]:
    (directory / "test_it.py").write_text(TESTS.format(passed=passed, most=most))
    (directory / "pytest.ini").write_text("[pytest]\nmarkers = fault\n")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "fault_report", "-p", "no:cacheprovider", *options]
    done = subprocess.run(argv, cwd=directory, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.splitlines()


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "workers"])
def test_figures_are_added_and_marked_tests_count_as_one_each(tmp_path: Path, workers: tuple[str, ...]) -> None:
    code, lines = report(tmp_path, *workers)
    assert code == 0, lines
    said = "F1  3/3 kill points converged; 2/2 kill points of recover (killed at every step)"
    assert said in lines, lines
    assert "F4  2/2 tests (pull stream cut)" in lines, lines


def test_a_count_that_is_short_fails_although_every_test_passed(tmp_path: Path) -> None:
    code, lines = report(tmp_path, passed=2)
    assert (code, "short: F1" in lines) == (1, True), lines


def test_a_marked_test_that_fails_is_counted_as_such(tmp_path: Path) -> None:
    code, lines = report(tmp_path, most=1)
    assert code == 1
    assert "F4  1/2 tests (pull stream cut)" in lines, lines


def test_the_whole_report_names_every_fault_and_is_short_of_what_did_not_run(tmp_path: Path) -> None:
    code, lines = report(tmp_path, "--fault-report")
    assert code == 1
    for fault in FAULTS:
        (line,) = (line for line in lines if line.startswith(f"{fault} ") and "/" not in fault)
        assert line
    short = next(line for line in lines if line.startswith("short: ")).removeprefix("short: ").split(", ")
    assert set(short) == set(FAULTS) - set(NOT_BUILT) - {"F1", "F4", "F9"}
