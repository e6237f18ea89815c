"""A run of boards ends with the process that made it, however that ends; not one that was asked to stay.

Stand-ins for qemu and the registry: processes that sleep.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from wanted_board import wanted

from jetson_deploy.rehearsal.virtual.guard import end_run
from jetson_deploy.rehearsal.virtual.running import mark

OWNER = """
import sys, time
from pathlib import Path
from jetson_deploy.rehearsal.virtual.guard import Guard
guard = Guard(Path(sys.argv[1]))
if sys.argv[2] == "stays":
    guard.stay()
print("guarded", flush=True)
time.sleep(600)
"""
SLEEP = "import time; time.sleep(600)"


class Run:
    """Of one board, with a registry."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.board, self.registry = (
            subprocess.Popen([sys.executable, "-c", SLEEP, word, f"{directory}/{file}"])
            for word, file in (("stands-in", "board/disk"), ("docker-registry", "registry.yml"))
        )
        (directory / "board").mkdir(parents=True)
        wanted().write(directory / "board")
        known = mark(self.board.pid, 0.0)
        assert known is not None
        known.write(directory / "board")

    @property
    def goes_on(self) -> list[bool]:
        return [self.board.poll() is None, self.registry.poll() is None, self.directory.exists()]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    made = Run(tmp_path / "jd-v1")
    yield made
    for process in (made.board, made.registry):
        process.kill()
        process.wait()


def owner(run: Run, how: str) -> subprocess.Popen[str]:
    argv = [sys.executable, "-c", OWNER, str(run.directory), how]
    started = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    assert started.stdout is not None
    assert started.stdout.readline() == "guarded\n"
    return started


def test_what_a_killed_process_leaves_is_ended(run: Run) -> None:
    with owner(run, "guards") as process:
        assert run.goes_on == [True, True, True]
        os.kill(process.pid, signal.SIGKILL)
        deadline = time.monotonic() + 60
        while run.goes_on != [False, False, False]:
            assert time.monotonic() < deadline, run.goes_on
            time.sleep(0.05)


def test_a_run_that_was_asked_to_stay_outlives_it_and_is_ended_later(run: Run) -> None:
    with owner(run, "stays") as process:  # `stay` returns when the guard has ended
        process.kill()
    assert run.goes_on == [True, True, True]
    end_run(run.directory)
    assert run.goes_on == [False, False, False]
