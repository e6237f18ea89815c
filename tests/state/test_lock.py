"""One run per deployment: the lock file, made and found in every state, by several users, and who holds it."""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jetson_deploy.errors import LockedError, PreflightError
from jetson_deploy.state.lock import deployment_lock, holder
from jetson_deploy.state.lock_owner import Holder

HOLDER = Path(__file__).with_name("lock_holder.py")
NAME = "jetson-deploy-default.lock"
QUIET = {key: value for key, value in os.environ.items() if not key.startswith(("SSH_", "SUDO_"))}
ME = pwd.getpwuid(os.geteuid()).pw_name


@contextlib.contextmanager
def running(
    directory: Path, *options: str, verb: str = "up", uid: str = "-", **environ: str
) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(HOLDER), str(directory), verb, uid, *options]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=QUIET | environ) as process:
        try:
            yield process
        finally:
            process.kill()


@contextlib.contextmanager
def started(
    directory: Path, *options: str, verb: str = "up", uid: str = "-", **environ: str
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Such a process, and the first line that it says."""
    with running(directory, *options, verb=verb, uid=uid, **environ) as process:
        yield process, next_line(process)


def next_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def refusal(directory: Path) -> str:
    with pytest.raises(LockedError) as caught, deployment_lock(directory, "default"):
        pass
    assert caught.value.exit_code == 75
    return caught.value.message


@pytest.fixture
def shared() -> Iterator[Path]:
    """As /run/lock: everybody's, sticky. pytest's own directories are closed to other users."""
    directory = Path(tempfile.mkdtemp(prefix="jd-lock-", dir="/tmp"))
    directory.chmod(0o1777)
    yield directory
    shutil.rmtree(directory)


@pytest.mark.fault("F17")
def test_a_second_run_is_told_who_holds_it_and_gets_it_at_once_when_the_holder_is_killed(tmp_path: Path) -> None:
    with started(tmp_path, SSH_CONNECTION="10.0.0.5 51234 10.0.0.9 22") as (process, said):
        assert said == "held"
        expected = (
            rf"deployment is locked by another run: `up` by {ME} from 10\.0\.0\.5 \(pid {process.pid}\), for \d+ s"
        )
        assert re.fullmatch(expected, refusal(tmp_path))
        process.send_signal(signal.SIGKILL)
        process.wait()
        slept: list[float] = []
        with deployment_lock(tmp_path, "default", sleep=slept.append):
            assert slept == []


@pytest.mark.fault("F17")
def test_of_runs_that_start_together_one_holds_it_and_every_other_is_told(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        runs = [stack.enter_context(running(tmp_path)) for _ in range(4)]
        said = {run.pid: next_line(run) for run in runs}
        holding = [pid for pid, text in said.items() if text == "held"]
        assert len(holding) == 1
        told = f"75 deployment is locked by another run: `up` by {ME} (pid {holding[0]})"
        assert all(text.startswith(told) for pid, text in said.items() if pid != holding[0])


@pytest.mark.fault("F17")
def test_with_wait_it_is_got_when_the_holder_dies_and_who_it_was_is_said_once(tmp_path: Path) -> None:
    with started(tmp_path, verb="rollback") as (first, _), started(tmp_path, "--wait") as (second, said):
        waits = rf"note: waiting for another run of this deployment: `rollback` by {ME} \(pid {first.pid}\), for \d+ s"
        assert re.fullmatch(waits, said)
        time.sleep(0.5)
        first.send_signal(signal.SIGKILL)
        assert next_line(second) == "held"


def test_waiting_ends_with_ctrl_c(tmp_path: Path) -> None:
    with started(tmp_path), started(tmp_path, "--wait") as (second, said):
        assert said.startswith("note: waiting")
        second.send_signal(signal.SIGINT)
        assert next_line(second) == "interrupted"


@pytest.mark.fault("F17")
def test_a_lock_of_another_user_is_respected_and_taken_when_it_is_free(shared: Path) -> None:
    """Where the file cannot be written (one that an older version made), reading it is enough."""
    other = str(pwd.getpwnam("nobody").pw_uid) if os.geteuid() == 0 else "-"
    with started(shared) as (process, _):
        assert (shared / NAME).stat().st_mode & 0o777 == 0o666
        with started(shared, uid=other) as (_, said):
            assert said.startswith(f"75 deployment is locked by another run: `up` by {ME} (pid {process.pid})")
    (shared / NAME).chmod(0o444)
    with started(shared, uid=other) as (_, said):
        assert said == "held"
        assert refusal(shared) == "deployment is locked by another run (which one is not known)"
    (shared / NAME).unlink()
    with started(shared, uid=other) as (process, said):
        assert said == "held"
        assert f"(pid {process.pid})" in refusal(shared)


def test_the_file_is_everybody_s_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        with deployment_lock(tmp_path, "default"):
            assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o666
    finally:
        os.umask(before)


def test_the_holder_can_be_asked_for_without_disturbing_anybody(tmp_path: Path) -> None:
    assert holder(tmp_path / "none", "default") is None
    assert holder(tmp_path, "default") is None
    assert list(tmp_path.iterdir()) == []
    began = time.clock_gettime(time.CLOCK_BOOTTIME)
    with deployment_lock(tmp_path, "default", command="recover"):
        found = holder(tmp_path, "default")
        assert found is not None
        assert (found.pid, found.command, found.user) == (os.getpid(), "recover", ME)
        assert found.seconds is not None and 0 <= found.seconds <= time.clock_gettime(time.CLOCK_BOOTTIME) - began + 1
        assert found.version and found.host
    assert holder(tmp_path, "default") is None


def test_who_only_looks_never_makes_a_run_fail(tmp_path: Path) -> None:
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            holder(tmp_path, "default")

    watchers = [threading.Thread(target=look) for _ in range(2)]
    for watcher in watchers:
        watcher.start()
    try:
        for _ in range(100):
            with deployment_lock(tmp_path, "default"):
                pass
    finally:
        done.set()
        for watcher in watchers:
            watcher.join()


def test_another_deployment_has_a_lock_of_its_own(tmp_path: Path) -> None:
    with deployment_lock(tmp_path, "one"), deployment_lock(tmp_path, "two"):
        assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("planted", ["link", "second name", "pipe", "directory"])
def test_what_was_planted_in_the_lock_s_place_is_neither_followed_nor_emptied(tmp_path: Path, planted: str) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    victim.chmod(0o600)
    path = tmp_path / NAME
    if planted == "link":
        path.symlink_to(victim)
    elif planted == "second name":
        path.hardlink_to(victim)
    elif planted == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    with pytest.raises(PreflightError) as caught, deployment_lock(tmp_path, "default"):
        pass
    assert caught.value.code == "lock-unusable"
    assert (victim.read_text(), victim.stat().st_mode & 0o777) == ("precious", 0o600)
    assert holder(tmp_path, "default") == Holder()


def test_a_directory_that_cannot_be_made_is_told_with_a_fix(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PreflightError) as caught, deployment_lock(tmp_path / "file", "default"):
        pass
    assert "JETSON_DEPLOY_LOCK_DIR" in caught.value.hint


def test_a_program_that_the_holder_starts_does_not_keep_the_lock(tmp_path: Path) -> None:
    with deployment_lock(tmp_path, "default"):
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False)
    with child, deployment_lock(tmp_path, "default"):
        assert child.poll() is None
        child.kill()
