"""Processes of a rehearsal: nothing that was spawned is left behind, and no stranger is ever ended."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jetson_deploy.errors import PreflightError
from jetson_deploy.rehearsal.processes import Daemon, alive, end, end_all, running, start

SLEEP = "import time; time.sleep(60)"


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    end_all(tmp_path, "a-daemon")


def daemon(directory: Path, *, program: str = SLEEP) -> Daemon:
    argv = [sys.executable, "-c", program, "a-daemon", f"{directory}/its.conf"]
    return Daemon(what="the daemon", word="a-daemon", argv=argv, log=directory / "daemon.log")


def foreign(*words: str) -> subprocess.Popen[str]:
    """A child of another process than ours: told apart by its command line alone."""
    argv = [sys.executable, "-c", SLEEP, *words]
    # The words stand in its standard input, not in its own command line.
    outer = "import json, subprocess, sys; child = subprocess.Popen(json.loads(sys.stdin.readline()))\n"
    outer += "print(child.pid, flush=True); child.wait()"
    process = subprocess.Popen([sys.executable, "-c", outer], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    process.stdin.write(json.dumps(argv) + "\n")
    process.stdin.flush()
    return process


@pytest.fixture
def stranger() -> Iterator[int]:
    process = foreign("somebody", "/etc/passwd")
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    yield pid
    subprocess.run(["kill", str(pid)], check=False, capture_output=True)
    process.communicate(timeout=120)


def found(directory: Path) -> bool:
    """A process has its command line a moment after its pid."""
    return bool(running(directory, "a-daemon"))


def gone(directory: Path) -> bool:
    time.sleep(0.3)
    return not found(directory)


def test_a_daemon_that_is_ready_goes_on_and_is_found_by_what_it_was_started_with(directory: Path) -> None:
    pid = start(daemon(directory), lambda: found(directory))
    assert running(directory, "a-daemon") == [pid]
    end_all(directory, "a-daemon")
    assert not alive(pid)


def test_a_daemon_that_is_late_is_ended_and_told(directory: Path) -> None:
    with pytest.raises(PreflightError, match="the daemon did not come up: it said nothing"):
        start(daemon(directory), lambda: False, seconds=0.3)
    assert gone(directory)


def test_a_daemon_that_dies_is_told_with_its_last_words(directory: Path) -> None:
    with pytest.raises(PreflightError, match="did not come up: no such storage"):
        start(daemon(directory, program="raise SystemExit('no such storage')"), lambda: False)


def test_ctrl_c_while_waiting_ends_the_daemon(directory: Path) -> None:
    def interrupted() -> bool:
        if found(directory):
            raise KeyboardInterrupt
        return False

    with pytest.raises(KeyboardInterrupt):
        start(daemon(directory), interrupted)
    assert gone(directory)


def test_a_pid_that_now_is_somebody_else_s_is_left_alone(stranger: int, directory: Path) -> None:
    end(stranger, directory)
    assert alive(stranger)


def test_a_daemon_of_another_process_is_known_by_the_directory_that_it_names(directory: Path) -> None:
    process = foreign("a-daemon", f"{directory}/its.conf")
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    while not found(directory):
        time.sleep(0.05)
    end(pid, directory.with_name("other"))
    assert found(directory)
    end(pid, directory)
    assert gone(directory)
    process.communicate(timeout=120)
