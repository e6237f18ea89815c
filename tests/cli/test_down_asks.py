"""`down --purge` on a terminal, which is a real one (a pty)."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from jetson_deploy.state.directory import StateDirectory

NO_DOCKER = "unix:///nonexistent/docker.sock"


def typed(folder: Path, answer: str, *words: str) -> tuple[int, str]:
    """Exit code and screen of `down` with these words, on a terminal where `answer` is typed."""
    StateDirectory(folder / "state", "default").add_image("dustynv/ollama:0.6.8-r36.4-cu126-22.04")
    environment = {
        **os.environ,
        "JETSON_DEPLOY_STATE_DIR": str(folder / "state"),
        "JETSON_DEPLOY_LOCK_DIR": str(folder / "lock"),
        "DOCKER_HOST": NO_DOCKER,
    }
    ours, its = pty.openpty()
    argv = [sys.executable, "-m", "jetson_deploy", "down", *words]
    with subprocess.Popen(argv, stdin=its, stdout=its, stderr=its, env=environment) as process:
        os.close(its)
        os.write(ours, answer.encode())
        screen = b"".join(iter(lambda: read(ours), b""))
    os.close(ours)
    return process.returncode, screen.decode()


def read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # the last process that held the other end is gone
        return b""


def test_a_no_removes_nothing_and_is_told_apart_by_its_exit_code(tmp_path: Path) -> None:
    code, screen = typed(tmp_path, "n\n", "--purge")
    assert code == 130
    assert "image dustynv/ollama:0.6.8-r36.4-cu126-22.04" in screen
    assert "Delete them? [y/N]" in screen
    assert "nothing was removed" in screen
    assert StateDirectory(tmp_path / "state", "default").owned().images


@pytest.mark.parametrize(("answer", "words"), [("y\n", ("--purge",)), ("", ("--purge", "--yes")), ("", ())])
def test_a_yes_goes_on_and_only_purge_asks(tmp_path: Path, answer: str, words: tuple[str, ...]) -> None:
    code, screen = typed(tmp_path, answer, *words)
    assert ("Delete them?" in screen) is bool(answer)
    assert (code, "Docker" in screen) == (3, True), screen
