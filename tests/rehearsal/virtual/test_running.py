"""Only the process that was started is ended, whoever has its number now."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from jetson_deploy.rehearsal.virtual.running import FILE, Running, kill, mark, running


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def marked(process: subprocess.Popen[bytes]) -> Running:
    known = mark(process.pid, 0.0)
    assert known is not None
    return known


def test_a_marked_process_runs_until_it_is_killed(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    marked(sleeper).write(tmp_path)
    assert running(tmp_path) is not None
    assert kill(tmp_path, signal.SIGKILL)
    assert running(tmp_path) is None


FIRST_THREAD_ENDS = """
import ctypes, threading, time
threading.Thread(target=time.sleep, args=(600,)).start()
ctypes.CDLL(None).pthread_exit(None)
"""


def test_it_runs_while_one_of_its_threads_does(tmp_path: Path) -> None:
    """qemu's others still end, and hold its disk, when its first one has ended."""
    with subprocess.Popen([sys.executable, "-c", FIRST_THREAD_ENDS]) as process:
        marked(process).write(tmp_path)
        stat, deadline = Path(f"/proc/{process.pid}/stat"), time.monotonic() + 60
        while ") Z " not in stat.read_text():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert running(tmp_path) is not None
        assert kill(tmp_path, signal.SIGKILL)
        assert running(tmp_path) is None


@pytest.mark.parametrize("change", [{"started": 1}, {"boot": "another"}])
def test_another_process_with_the_number_is_left_alone(
    tmp_path: Path, sleeper: subprocess.Popen[bytes], change: dict[str, object]
) -> None:
    msgspec.structs.replace(marked(sleeper), **change).write(tmp_path)
    assert running(tmp_path) is None
    assert not kill(tmp_path, signal.SIGKILL)
    assert sleeper.poll() is None


@pytest.mark.parametrize("text", ["", "[]", '{"pid": "1"}', "\0" * 20])
def test_a_torn_file_names_no_process(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    assert running(tmp_path) is None


def test_what_has_ended_is_not_marked() -> None:
    process = subprocess.Popen(["true"])
    process.wait()
    assert mark(process.pid, 0.0) is None
