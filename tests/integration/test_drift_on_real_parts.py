"""`status --drift` on a real engine and Ollama."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jetson_deploy.events import silent
from jetson_deploy.rehearsal.board import DEFAULT_BOARD, find_board
from jetson_deploy.rehearsal.session import Session

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    session = Session(DEFAULT_BOARD, find_board(DEFAULT_BOARD), f"d{os.getpid():x}")
    session.start()
    try:
        session.fill(None, silent)
        assert ran(session, "up", "--store", str(session.store), "--accept-cpu")[0] == 0
        yield session
    finally:
        session.stop()


def ran(session: Session, *arguments: str) -> tuple[int, dict[str, Any]]:
    done = session.verb(*arguments, "--json", capture=True)
    assert "Traceback" not in done.stderr
    return done.returncode, json.loads(done.stdout)


def drift(session: Session) -> tuple[int, dict[str, dict[str, str]]]:
    code, status = ran(session, "status", "--drift")
    return code, {found["what"]: found for found in status["drift"]}


def docker(session: Session, *arguments: str) -> None:
    subprocess.run(["docker", "-H", session.variables()["DOCKER_HOST"], *arguments], check=True, capture_output=True)


def test_a_fresh_deployment_has_no_drift(session: Session) -> None:
    code, found = drift(session)
    assert not found, json.dumps(found)
    assert code == 0


def test_a_changed_restart_policy_is_told_and_only_that(session: Session) -> None:
    docker(session, "update", "--restart", "no", "jd-default-1")
    code, found = drift(session)
    docker(session, "update", "--restart", "always", "jd-default-1")
    assert (code, list(found)) == (1, ["restart policy"])
    assert found["restart policy"]["up_would"] == "set the restart policy back"


def test_a_blob_that_was_cut_is_told(session: Session) -> None:
    blob = max(Path(session.store, "blobs").iterdir(), key=lambda path: path.stat().st_size)
    before = blob.stat()
    content = before.st_size
    with blob.open("rb") as file:
        file.seek(content - 1)
        last = file.read(1)
    os.truncate(blob, content - 1)
    code, found = drift(session)
    with blob.open("ab") as file:
        file.write(last)
    os.utime(blob, ns=(before.st_atime_ns, before.st_mtime_ns))
    (one,) = (f for what, f in found.items() if what.startswith("blob "))
    assert (code, one["found"]) == (1, f"{content - 1} bytes")


def test_an_image_that_was_tagged_anew_is_told(session: Session) -> None:
    name = ran(session, "status")[1]["image"].partition("@")[0]
    docker(session, "commit", "jd-default-1", name)
    code, found = drift(session)
    docker(session, "rmi", name)
    assert (code, list(found)) == (1, ["image reference"])
