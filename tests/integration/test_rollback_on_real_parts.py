"""`rollback` on a real engine and Ollama: what it serves, what it keeps apart, what it refuses."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from jetson_deploy.catalog.load import load_catalog
from jetson_deploy.events import silent
from jetson_deploy.rehearsal.board import DEFAULT_BOARD, find_board, rehearsal_blobs
from jetson_deploy.rehearsal.filling import Filled
from jetson_deploy.rehearsal.session import Session
from jetson_deploy.rehearsal.stand_in_model import make_model
from jetson_deploy.rehearsal.weights import weights

pytestmark = pytest.mark.integration
TAG = "deepseek-r1:7b"


@pytest.fixture(scope="module")
def parts() -> Iterator[tuple[Session, Filled]]:
    session = Session(DEFAULT_BOARD, find_board(DEFAULT_BOARD), f"r{os.getpid():x}")
    session.start()
    try:
        yield session, session.fill(None, silent)
    finally:
        session.stop()


@pytest.fixture
def tag_put_back(parts: tuple[Session, Filled]) -> Iterator[None]:
    yield
    parts[0].fill(None, silent)


@pytest.fixture
def session(parts: tuple[Session, Filled]) -> Iterator[Session]:
    yield parts[0]
    ran(parts[0], "down", "--purge")


def ran(session: Session, *arguments: str) -> tuple[int, dict[str, Any], str]:
    done = session.run(*arguments, "--json", capture=True)
    assert "Traceback" not in done.stderr
    return done.returncode, json.loads(done.stdout), done.stderr


def up(session: Session, *arguments: str) -> tuple[int, dict[str, Any], str]:
    return ran(session, "up", "--store", str(session.store), "--accept-cpu", *arguments)


def moved_tag(session: Session) -> str:
    """The registry's tag now means another manifest, and a newer catalog knows its digest."""
    entry = msgspec.structs.replace(load_catalog().models["deepseek-r1"].sizes["7b"], parameters=9_000_000_000)
    bundle = session.directory / "moved"
    made = make_model(bundle, weights(), rehearsal_blobs(), TAG, entry)
    session.registry.push(bundle)
    overlay = session.directory / "newer" / "profiles" / "models" / "deepseek-r1.yaml"
    overlay.parent.mkdir(parents=True, exist_ok=True)
    overlay.write_text(f"family: deepseek-r1\nsizes: {{7b: {{manifest_digest: {made.manifest_digest}}}}}\n")
    return made.manifest_digest


def served_digest(session: Session) -> str:
    """As the server itself lists the tag."""
    argv = [*session.namespace.enter(), "curl", "-sf", "http://127.0.0.1:11434/api/tags"]
    (model,) = json.loads(subprocess.check_output(argv))["models"]
    assert model["name"] == TAG
    return str(model["digest"])


@pytest.mark.usefixtures("tag_put_back")
@pytest.mark.fault("F26")
def test_old_and_new_manifest_of_one_tag_stay_apart_and_a_rollback_brings_the_old_one_back(session: Session) -> None:
    assert up(session)[0] == 0
    old = served_digest(session)
    new = moved_tag(session)
    newer = ("--catalog", str(session.directory / "newer"))
    code, document, narration = up(session, *newer)
    assert (code, document["result"]) == (0, "done"), narration
    assert served_digest(session) == new != old
    code, document, narration = ran(session, "rollback")
    assert (code, document["container"]) == (0, "jd-default-3"), narration
    assert served_digest(session) == old
    assert ran(session, "rollback", "2")[0] == 0
    assert served_digest(session) == new


@pytest.mark.usefixtures("tag_put_back")
@pytest.mark.fault("F26")
def test_a_new_manifest_is_staged_while_the_old_one_serves_on_unchanged(session: Session) -> None:
    assert up(session)[0] == 0
    old = served_digest(session)
    moved_tag(session)
    fetched = ran(session, "model", "fetch", TAG, "--store", str(session.store), "--accept-new-digest")
    assert fetched[0] in (0, 5), fetched
    assert served_digest(session) == old
    assert ran(session, "status")[1]["healthy"] is True


def test_a_rollback_without_an_earlier_revision_is_refused_and_says_so(session: Session) -> None:
    code, error, _ = ran(session, "rollback")
    assert (code, error["code"]) == (1, "nothing-deployed")
    assert up(session)[0] == 0
    code, error, _ = ran(session, "rollback")
    assert (code, error["code"]) == (2, "no-such-revision")
    code, error, _ = ran(session, "rollback", "77")
    assert (code, error["code"]) == (2, "no-such-revision")
    assert "1" in error["hint"]
    assert ran(session, "rollback", "1")[1]["result"] == "no-changes"


@pytest.mark.fault("F14")
def test_a_failed_revision_is_not_tried_again_unless_asked_and_no_rollback_goes_to_it(session: Session) -> None:
    assert up(session)[0] == 0
    code, error, _ = ran(session, "up", "--refuse-cpu")
    assert (code, error["code"]) == (7, "check-gpu-failed")
    code, error, _ = ran(session, "up", "--refuse-cpu")
    assert (code, error["code"]) == (1, "failed-before")
    assert "--force" in error["hint"]
    assert ran(session, "up", "--refuse-cpu", "--force")[0] == 7
    assert ran(session, "rollback", "2")[1]["code"] == "failed-before"
    assert ran(session, "status")[1]["healthy"] is True


def test_the_plan_of_a_rollback_changes_nothing_and_shows_its_steps(session: Session) -> None:
    assert up(session)[0] == 0
    assert up(session, "--context", "2048")[0] == 0
    code, plan, _ = ran(session, "rollback", "--plan")
    assert (code, plan["container"], plan["model"]["context_tokens"]) == (0, "jd-default-3", 4096)
    assert [s["do"] for s in plan["steps"]][:2] == ["create-container", "remember"]
    assert ran(session, "status")[1]["revision"] == 2


@pytest.mark.fault("F8")
def test_a_lost_state_directory_is_built_again_from_the_containers_and_can_be_rolled_back(session: Session) -> None:
    assert up(session)[0] == 0
    assert up(session, "--context", "2048")[0] == 0
    for path in (session.directory / "state" / "default").glob("state.json*"):
        path.unlink()
    code, document, narration = ran(session, "rollback")
    assert (code, document["context_tokens"]) == (0, 4096), narration
    assert "built again from its containers" in narration


def test_the_endpoint_answers_after_a_rollback(session: Session) -> None:
    assert up(session)[0] == 0
    assert up(session, "--context", "2048")[0] == 0
    assert ran(session, "rollback")[0] == 0
    code, answer, _ = ran(session, "chat", "--max-tokens", "2", "Hi")
    assert code == 0, answer
