"""A deployment that llama.cpp serves, on a real engine with a real llama-server: beside Ollama, and in its place."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import docker
import pytest
from crash_points import points, selection
from llama_image import push_llama_image
from watching import history, server_pid, watching

from jetson_deploy.events import silent
from jetson_deploy.rehearsal.board import DEFAULT_BOARD, find_board
from jetson_deploy.rehearsal.session import Session

pytestmark = pytest.mark.integration
MODEL = "deepseek-r1:7b"


@pytest.fixture(scope="module")
def parts() -> Iterator[Session]:
    session = Session(DEFAULT_BOARD, find_board(DEFAULT_BOARD), f"l{os.getpid():x}")
    session.start()
    try:
        session.fill(None, silent)
        push_llama_image(session)
        yield session
    finally:
        session.stop()


@pytest.fixture
def session(parts: Session) -> Iterator[Session]:
    yield parts
    ran(parts, "down", "--purge")


@pytest.fixture
def engine(session: Session) -> Iterator[docker.APIClient]:
    client = docker.APIClient(base_url=session.engine.host, version="auto", timeout=60)
    yield client
    client.close()


def ran(session: Session, *arguments: str) -> tuple[int, dict[str, Any]]:
    done = session.run(*arguments, "--json", capture=True)
    assert "Traceback" not in done.stderr
    return done.returncode, json.loads(done.stdout) if done.stdout else {}


def up(session: Session, *arguments: str) -> dict[str, Any]:
    code, outcome = ran(session, "up", "--store", str(session.store), "--accept-cpu", *arguments)
    assert code == 0, outcome
    return outcome


def asked(session: Session, path: str, body: str | None = None) -> int:
    """Status of a request to the endpoint; `body`: it is posted."""
    data = ("-d", body) if body is not None else ()
    argv = ("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", *data, f"http://127.0.0.1:11434{path}")
    return int(subprocess.check_output([*session.namespace.enter(), *argv]))


def test_up_brings_a_bare_host_to_proven_tokens_and_the_second_up_changes_nothing(session: Session) -> None:
    outcome = up(session, MODEL, "--server", "llama.cpp")
    assert (outcome["result"], outcome["container"]) == ("done", "jd-default-1")
    assert outcome["tokens_per_second"] > 0
    assert (asked(session, "/v1/models"), asked(session, "/api/tags")) == (200, 404)
    assert up(session)["result"] == "no-changes"
    code, status = ran(session, "status", "--drift")
    assert (code, status["healthy"], status["server"], status["drift"]) == (0, True, "llama.cpp", [])
    assert "/api/*" in status["server_lacks"]


@pytest.mark.parametrize("server", ["ollama", "llama.cpp"])
def test_the_lines_that_connect_prints_are_answered_and_the_apis_are_as_it_says(session: Session, server: str) -> None:
    up(session, MODEL, "--server", server)
    said = ran(session, "connect")[1]
    assert ("/api/*" in said["server_lacks"]) is (server == "llama.cpp")
    known = {path: there for path, there in said["apis"].items() if there is not None}
    assert bool(known) is (server == "ollama"), "this llama-server says b1-…, a number of its maker's own"
    for path, there in known.items():
        assert (asked(session, path, "{}") not in (404, 501)) is there, path
    inside = session.namespace.enter()
    curl = subprocess.check_output([*inside, "sh", "-c", said["snippets"]["curl"]])
    assert json.loads(curl)["choices"][0]["message"]["content"]
    assert subprocess.check_output([*inside, sys.executable, "-c", said["snippets"]["python"]]).strip()


def test_the_monitor_shows_what_it_is_and_counts_its_tokens(session: Session) -> None:
    up(session, MODEL, "--server", "llama.cpp")
    code, sample = ran(session, "monitor", "--once")
    server, (model,) = sample["llm"]["server"], sample["llm"]["models"]
    assert (code, server["kind"], server["up"], server["in_flight"], server["queued"]) == (0, "llama.cpp", True, 0, 0)
    assert (model["name"], server["tokens_from"]) == (MODEL, "log")
    assert not [one for one in sample["troubles"] if one["source"] in ("ollama", "llama.cpp", "log")]


def test_speculation_is_measured_left_on_or_turned_off_and_stays_what_it_is(
    session: Session, engine: docker.APIClient
) -> None:
    outcome = up(session, MODEL, "--server", "llama.cpp", "--speculate", "ngram")
    (found,) = [one for one in outcome["verdicts"] if one["check"] == "speculation"]
    assert found["passed"] is not False
    assert re.search(
        r"quoting answers [0-9.]+ × as fast \([1-9][0-9]* of [1-9][0-9]* drafted tokens taken\)", found["observed"]
    )
    variables = engine.inspect_container(outcome["container"])["Config"]["Env"]
    # Which one, the time that was measured decides.
    assert f"LLAMA_ARG_SPEC_TYPE={'ngram-mod' if found['passed'] else 'none'}" in variables
    assert ("turned off" in found["observed"]) is not found["passed"]
    assert up(session, "--speculate", "ngram")["result"] == "no-changes"
    assert ran(session, "status", "--drift")[1]["drift"] == []


def test_one_server_takes_over_from_the_other_and_a_rollback_brings_the_first_one_back(session: Session) -> None:
    up(session, MODEL)
    assert (asked(session, "/api/tags"), ran(session, "status")[1]["server"]) == (200, "ollama")
    up(session, "--server", "llama.cpp")
    assert (asked(session, "/api/tags"), ran(session, "status")[1]["server"]) == (404, "llama.cpp")
    assert ran(session, "rollback")[0] == 0
    assert (asked(session, "/api/tags"), ran(session, "status")[1]["server"]) == (200, "ollama")
    assert ran(session, "rollback")[0] == 0
    assert (asked(session, "/api/tags"), ran(session, "status")[1]["server"]) == (404, "llama.cpp")


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("wanted", ["llama.cpp", "ollama"])
def test_a_takeover_between_the_servers_that_is_killed_is_recovered(session: Session, full: bool, wanted: str) -> None:
    """At the border of each step with --full, else at some. Before the commit the old server stays, then the new."""
    old = {"llama.cpp": "ollama", "ollama": "llama.cpp"}[wanted]
    up(session, MODEL, "--server", wanted)
    up(session, "--server", old)
    words = ("--server", wanted, "--store", str(session.store), "--accept-cpu")
    for point in selection(points("up", ran(session, "plan", *words)[1]["steps"]), None if full else 3):
        crash = {"JETSON_DEPLOY_CRASH_AT": point.crash_at}
        died = subprocess.run(session.command("up", *words), env={**session.environment(), **crash}, check=False)
        assert died.returncode == -signal.SIGKILL, point
        if point.phase == "old":
            assert asked(session, "/api/tags") == (200 if old == "ollama" else 404), point
        assert ran(session, "recover")[0] == 0, point
        status = ran(session, "status")[1]
        serves = wanted if point.phase == "new" else old
        assert (status["healthy"], status["server"], status["unfinished"]) == (True, serves, None), point
        assert asked(session, "/api/tags") == (200 if serves == "ollama" else 404), point
        up(session, "--server", old)


def test_a_killed_server_is_noticed_and_a_frozen_one_restarted(session: Session, engine: docker.APIClient) -> None:
    container = up(session, MODEL, "--server", "llama.cpp")["container"]
    with watching(session) as watch:
        os.kill(server_pid(engine, container), signal.SIGKILL)
        watch.noticed("crashed", "crash-loop")
        watch.healed("recovered", 120)
    with watching(session) as watch:
        os.kill(server_pid(engine, container), signal.SIGSTOP)
        watch.noticed("frozen")
        watch.healed("restarted", 120)
        watch.healed("recovered", 120)
    assert {"noticed", "restarted", "recovered"} <= set(history(session))
    assert ran(session, "status")[0] == 0


def test_a_killed_engine_brings_it_back_and_a_change_cut_off_before_its_proof_is_undone(session: Session) -> None:
    up(session, MODEL)
    words = ("--server", "llama.cpp", "--store", str(session.store), "--accept-cpu")
    steps = [step["do"] for step in ran(session, "plan", *words)[1]["steps"]]
    crash = {"JETSON_DEPLOY_CRASH_AT": f"up:{steps.index('prove') + 1}:before"}
    died = subprocess.run(session.command("up", *words), env={**session.environment(), **crash}, check=False)
    assert died.returncode == -signal.SIGKILL
    session.cut_power()
    session.start_engine()
    assert ran(session, "recover")[0] == 0
    status = ran(session, "status")[1]
    assert (status["healthy"], status["server"]) == (True, "ollama")
    up(session, "--server", "llama.cpp")
    session.cut_power()
    session.start_engine()
    assert ran(session, "recover")[0] == 0
    status = ran(session, "status")[1]
    assert (status["healthy"], status["server"], status["unfinished"]) == (True, "llama.cpp", None)
