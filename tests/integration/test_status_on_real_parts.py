"""`status` of a deployment whose record, lock or run is not as it should be: it is said, and health alone decides."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator

import msgspec
import pytest
from deployed_session import NAME, Deployed, deployed

from jetson_deploy.deployment.revisions import Intent, State
from jetson_deploy.state.lock import deployment_lock

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def there() -> Iterator[Deployed]:
    with deployed("s") as there:
        yield there


@pytest.fixture
def record(there: Deployed) -> Iterator[State]:
    """As it is put back afterwards."""
    known = there.known()
    yield known
    for name in ("state.json", "state.json.bak"):
        path = there.state.path / name
        path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)
    there.state.save(known)


def intended(state: State) -> Intent:
    """By a run that wrote it and died before it made anything."""
    (known,) = (r for r in state.revisions if r.number == state.current)
    revision = msgspec.structs.replace(known, number=state.last_number + 1, container=f"jd-{NAME}-new")
    at = "2026-01-02T03:04:05+00:00"
    return Intent(
        id="0", command="up", revision=revision, replaces=known.container, proven=False, boot_id="another", at=at
    )


def test_what_needs_attention_comes_first_and_changes_no_exit_code(there: Deployed, record: State) -> None:
    there.change(attention="revision 2 failed; jd-default-1 was started again but it serves nothing")
    said = there.said("status")
    lines = [line.split() for line in said.stdout.splitlines()]
    assert said.returncode == 0
    assert [words[0] for words in lines[:3]] == ["simulated", "deployment", "attention"]
    assert there.ran("history")[1]["attention"] == there.ran("status")[1]["attention"]


def test_a_damaged_record_is_said_and_the_one_before_is_used(there: Deployed, record: State) -> None:
    there.change()
    (there.state.path / "state.json").write_bytes(b"{ damaged")
    code, status = there.ran("status")
    assert (code, len(status["notes"])) == (0, 1)
    assert "state.json.bak, the one before, is used" in status["notes"][0]
    assert status["proven_at"] is not None


def test_a_record_of_a_newer_version_is_said_and_left_alone(there: Deployed, record: State) -> None:
    path = there.state.path / "state.json"
    newer = path.read_text().replace("state/2", "state/9").replace("state/1", "state/9")
    path.write_text(newer)
    code, status = there.ran("status")
    assert code == 0
    assert "a newer jetson-deploy wrote it" in status["notes"][0]
    assert status["proven_at"] is None
    code, status = there.ran("status", "--drift")
    assert (code, status["drift"]) == (0, [])
    assert "not on record" in status["not_compared"][0]
    assert path.read_text() == newer


def test_a_record_that_cannot_be_read_is_said(there: Deployed, record: State) -> None:
    for name in ("state.json", "state.json.bak"):
        (there.state.path / name).unlink(missing_ok=True)
        (there.state.path / name).mkdir()
    code, status = there.ran("status")
    assert code == 0
    assert "state.json" in status["notes"][0]


def test_a_run_that_died_is_undone_and_the_last_line_says_so(there: Deployed, record: State) -> None:
    there.change(intent=intended(record))
    code, status = there.ran("status")
    assert (code, status["unfinished"]) == (0, None)
    assert (status["last"]["verb"], status["last"]["result"]) == ("recover", "undone")
    assert "2026-01-02" in status["last"]["text"]
    assert there.known().intent is None


def test_a_killed_cutover_is_undone_by_the_next_status(there: Deployed) -> None:
    before = there.ran("status")[1]
    killed = there.said("up", "--context", "1024", JETSON_DEPLOY_CRASH_AT="up:3:after")
    assert killed.returncode == -signal.SIGKILL
    code, status = there.ran("status")
    assert (code, status["container"], status["leftovers"]) == (0, before["container"], [])
    assert status["last"]["result"] == "undone"
    assert there.drift() == (0, {})


def test_a_run_that_is_under_way_is_named_and_left_alone(there: Deployed, record: State) -> None:
    there.change(intent=intended(record))
    with deployment_lock(there.locks, NAME, command="up"):
        code, status = there.ran("status")
        history = there.said("history").stdout
    assert code == 0
    assert "a run is under way: `up` by root" in status["unfinished"]
    assert "not ended: `up` of 2026-01-02 03:04:05Z" in history


def test_a_run_that_died_and_cannot_be_undone_stays_named(there: Deployed, record: State) -> None:
    """Its record cannot be written: the directory is on a disk that was mounted read-only."""
    there.change(intent=intended(record))
    path = str(there.state.path)
    subprocess.run(["mount", "--bind", path, path], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", path], check=True)
        code, status = there.ran("status")
    finally:
        subprocess.run(["umount", path], check=True)
    assert code == 0
    assert "interrupted run: `up` started at 2026-01-02" in status["unfinished"]
    assert "sudo jetson-deploy recover" in status["unfinished"]


def test_a_server_that_does_not_serve_is_unhealthy_whatever_the_record_says(there: Deployed) -> None:
    name = there.ran("status")[1]["container"]
    there.docker_does("stop", name)
    said = there.said("status")
    assert (said.returncode, "UNHEALTHY" in said.stdout) == (1, True)
    there.docker_does("start", name)
    deadline = time.monotonic() + 60
    while there.ran("status")[0] != 0:
        assert time.monotonic() < deadline


def test_the_container_of_the_current_revision_that_is_gone_is_said(there: Deployed) -> None:
    assert there.ran("up", "--context", "1024")[0] == 0
    current = there.ran("status")[1]
    there.docker_does("rm", "--force", current["container"])
    code, status = there.ran("status")
    assert (code, status["container"]) == (1, current["previous"]["container"])
    assert f"revision {current['revision']} was deployed" in status["notes"][0]
    there.docker_does("rm", status["container"])
    code, answer = there.ran("status")
    assert (code, answer["code"]) == (1, "nothing-deployed")
    assert current["container"] in answer["message"]
    again = f"rollback {current['revision']} --force"
    assert again in answer["hint"]
    assert there.ran(*again.split(), "--yes")[0] == 0
    assert there.ran("status")[1]["context_tokens"] == 1024
