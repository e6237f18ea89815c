"""`up` and its neighbours on a real engine, registry and Ollama: what stays, what is undone, what is never touched."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from freezing import freeze

from jetson_deploy.deploy.run.actions import DeploymentActions
from jetson_deploy.deployment.revisions import Actor
from jetson_deploy.events import silent
from jetson_deploy.rehearsal.board import DEFAULT_BOARD, find_board
from jetson_deploy.rehearsal.filling import Filled
from jetson_deploy.rehearsal.session import Session
from jetson_deploy.runtime.opened import runtime_at
from jetson_deploy.server.opened import open_server
from jetson_deploy.settings import Settings
from jetson_deploy.state.directory import StateDirectory
from jetson_deploy.state.journal import Journal

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def parts() -> Iterator[tuple[Session, Filled]]:
    session = Session(DEFAULT_BOARD, find_board(DEFAULT_BOARD), f"t{os.getpid():x}")
    session.start()
    try:
        yield session, session.fill(None, silent)
    finally:
        session.stop()


@pytest.fixture
def session(parts: tuple[Session, Filled]) -> Iterator[Session]:
    """Real parts with nothing deployed, before and after."""
    yield parts[0]
    ran(parts[0], "down", "--purge")


@pytest.fixture
def engine(session: Session) -> Iterator[docker.APIClient]:
    client = docker.APIClient(base_url=session.engine.host, version="auto", timeout=30)
    yield client
    client.close()


def ran(session: Session, *arguments: str) -> tuple[int, dict[str, Any], str]:
    """Exit code, JSON document and narration of a verb."""
    done = session.run(*arguments, "--json", capture=True)
    assert "Traceback" not in done.stderr
    return done.returncode, json.loads(done.stdout), done.stderr


def up(session: Session, *arguments: str) -> tuple[int, dict[str, Any], str]:
    return ran(session, "up", "--store", str(session.store), *arguments)


def up_until(session: Session, step: str, *arguments: str) -> subprocess.Popen[str]:
    """An `up` under way that has just begun `step` (any: the first one)."""
    process = subprocess.Popen(
        session.command("up", *arguments, "--events"),
        env=session.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        event = json.loads(line)
        if event["event"] == "step-started" and step in ("any", event["step"]):
            return process
    raise AssertionError(f"up never began {step}: {process.communicate()[1]}")


def ended(process: subprocess.Popen[str]) -> tuple[int, dict[str, Any], str]:
    """Exit code, last event and narration."""
    out, err = process.communicate(timeout=120)
    assert "Traceback" not in err
    return process.returncode, json.loads(out.splitlines()[-1]), err


def ours(engine: docker.APIClient) -> dict[str, str]:
    return {c["Names"][0].lstrip("/"): c["State"] for c in engine.containers(all=True)}


def policy(engine: docker.APIClient, container: str) -> str:
    return str(engine.inspect_container(container)["HostConfig"]["RestartPolicy"]["Name"])


def test_a_second_up_changes_nothing_and_tells_the_engine_to_change_nothing(
    session: Session, engine: docker.APIClient
) -> None:
    assert up(session, "--accept-cpu")[0] == 0
    since = int(time.time()) + 1  # the engine takes whole seconds
    time.sleep(since - time.time())
    code, document, _ = ran(session, "up")
    events = list(engine.events(since=since, until=int(time.time()) + 1, decode=True))
    changes = [e for e in events if not str(e.get("Action", "")).startswith(("exec_", "health_status"))]
    assert (code, document["result"]) == (0, "no-changes")
    assert changes == []


def test_the_container_is_hardened_and_serves_from_a_read_only_store(
    session: Session, engine: docker.APIClient
) -> None:
    assert up(session, "--accept-cpu")[0] == 0
    found = engine.inspect_container("jd-default-1")
    host, config = found["HostConfig"], found["Config"]
    assert host["RestartPolicy"]["Name"] == "always"
    assert host["Runtime"] == "nvidia"
    assert host["NetworkMode"] == "host"
    assert host["CapDrop"] == ["ALL"]
    assert "no-new-privileges" in str(host["SecurityOpt"])
    assert host["Init"] is True
    assert host["LogConfig"]["Type"] == "local"
    assert config["Tty"] is False
    assert "OLLAMA_HOST=127.0.0.1:11434" in config["Env"]
    assert config["Healthcheck"]["Test"] == ["CMD", "ollama", "list"]
    probe = engine.exec_create("jd-default-1", config["Healthcheck"]["Test"][1:])
    assert b"deepseek-r1" in engine.exec_start(probe["Id"])
    assert engine.exec_inspect(probe["Id"])["ExitCode"] == 0
    (mount,) = (m for m in found["Mounts"] if m["Destination"] == "/models")
    assert (mount["Source"], mount["RW"]) == (str(session.store), False)
    assert not any("docker.sock" in m["Source"] for m in found["Mounts"])


def test_another_revision_replaces_the_deployment_and_the_one_before_stays_stopped(
    session: Session, engine: docker.APIClient
) -> None:
    assert up(session, "--accept-cpu")[0] == 0
    code, document, _ = ran(session, "up", "--context", "2048")
    assert (code, document["result"], document["context_tokens"]) == (0, "done", 2048)
    assert ours(engine) == {"jd-default-2": "running", "jd-default-1": "exited"}
    assert policy(engine, "jd-default-2") == "always"
    assert policy(engine, "jd-default-1") == "no"


@pytest.mark.fault("F14")
def test_a_cpu_only_replacement_is_rolled_back_and_the_old_one_serves(
    session: Session, engine: docker.APIClient
) -> None:
    assert up(session, "--accept-cpu")[0] == 0
    code, error, _ = ran(session, "up", "--refuse-cpu")
    assert (code, error["code"]) == (7, "check-gpu-failed")
    assert ours(engine) == {"jd-default-1": "running"}
    code, status, _ = ran(session, "status")
    assert (code, status["healthy"], status["revision"]) == (0, True, 1)


def test_a_wedged_server_is_replaced_by_the_next_up(session: Session, engine: docker.APIClient) -> None:
    assert up(session, "--accept-cpu")[0] == 0
    engine.kill("jd-default-1")
    deadline = time.monotonic() + 120
    while ours(engine)["jd-default-1"] == "running" and time.monotonic() < deadline:
        time.sleep(0.1)
    assert ran(session, "status")[0] == 1
    code, document, _ = ran(session, "up")
    assert (code, document["result"]) == (0, "done")
    assert ran(session, "status")[0] == 0


def test_ctrl_c_while_staging_exits_130_and_the_next_run_goes_on(session: Session, engine: docker.APIClient) -> None:
    process = up_until(session, "any", "--store", str(session.store), "--accept-cpu")
    process.send_signal(signal.SIGINT)
    code, last, err = ended(process)
    assert (code, last["exit_code"]) == (130, 130), err
    assert ours(engine) == {}
    assert up(session, "--accept-cpu")[0] == 0


def test_an_engine_killed_inside_a_pull_is_told_and_the_next_up_goes_on(session: Session) -> None:
    process = up_until(session, "stage-image", "--store", str(session.store), "--accept-cpu")
    assert process.stdout is not None
    for line in process.stdout:
        if "dustynv" in json.loads(line).get("item", ""):
            os.kill(session.kept().engine_pid, signal.SIGKILL)
            break
    code, last, err = ended(process)
    session.start_engine()
    assert (code, last["result"]) == (3, "engine-vanished"), err
    assert up(session, "--accept-cpu")[0] == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=["ended", "lost-link"])
@pytest.mark.fault("F27")
def test_an_interruption_in_the_cutover_is_undone(
    session: Session, engine: docker.APIClient, number: signal.Signals
) -> None:
    assert up(session, "--accept-cpu")[0] == 0
    process = up_until(session, "prove", "--context", "2048")
    process.send_signal(number)
    code, _, err = ended(process)
    assert code == 130, err
    assert ours(engine) == {"jd-default-1": "running"}
    assert ran(session, "status")[0] == 0


@pytest.mark.fault("F27")
def test_a_reader_that_goes_away_in_the_middle_does_not_stop_the_work(session: Session) -> None:
    process = up_until(session, "any", "--store", str(session.store), "--accept-cpu")
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    process.stderr.close()
    assert process.wait(timeout=120) == 0
    assert ran(session, "status")[0] == 0


def test_a_run_killed_in_the_cutover_leaves_a_candidate_that_the_next_up_removes(
    session: Session, engine: docker.APIClient
) -> None:
    process = up_until(session, "prove", "--store", str(session.store), "--accept-cpu")
    process.kill()
    process.communicate(timeout=120)
    assert ours(engine) == {"jd-default-1-candidate": "running"}
    _, status, narration = ran(session, "status")
    assert status["code"] == "nothing-deployed"
    assert "revision 1 was not proven when its run ended" in narration
    assert ours(engine) == {}
    code, document, _ = up(session, "--accept-cpu")
    assert (code, document["result"]) == (0, "done")
    assert list(ours(engine)) == ["jd-default-2"]


@pytest.mark.fault("F19")
def test_a_foreign_container_with_our_name_is_refused_and_not_touched(
    session: Session, engine: docker.APIClient
) -> None:
    assert up(session, "--accept-cpu")[0] == 0
    image = engine.inspect_container("jd-default-1")["Image"]
    ran(session, "down")
    foreign = engine.create_container(image, entrypoint="ollama", command="serve", name="jd-default-2")
    try:
        code, error, _ = up(session, "--accept-cpu")
        assert (code, error["code"]) == (3, "name-taken")
        assert engine.inspect_container("jd-default-2")["Id"] == foreign["Id"]
    finally:
        engine.remove_container(foreign["Id"], force=True)


@pytest.mark.fault("F19")
def test_a_foreign_container_is_left_alone_by_whatever_removes_ours(
    session: Session, engine: docker.APIClient, tmp_path: Path
) -> None:
    assert up(session, "--accept-cpu")[0] == 0
    image = engine.inspect_container("jd-default-1")["Image"]
    foreign = engine.create_container(image, entrypoint="ollama", command="serve", name="jd-default-2-candidate")
    try:
        state = StateDirectory(tmp_path, "default")
        journal = Journal(state, Actor(user="tester"), silent, draft=None)
        settings = Settings(docker_host=session.engine.host)
        actions = DeploymentActions(
            runtime=runtime_at(session.engine.host),
            servers=open_server,
            deployment="default",
            state=state,
            journal=journal,
            settings=settings,
            report=silent,
        )
        actions.remove("jd-default-2-candidate")
        assert "jd-default-2-candidate" in ours(engine)
        actions.remove("jd-default-1")
        assert "jd-default-1" not in ours(engine)
    finally:
        engine.remove_container(foreign["Id"], force=True)


def test_a_paused_deployment_is_replaced(session: Session, engine: docker.APIClient) -> None:
    assert up(session, "--accept-cpu")[0] == 0
    engine.pause("jd-default-1")
    code, document, narration = up(session)
    assert (code, document["result"]) == (0, "done"), narration
    assert ours(engine) == {"jd-default-2": "running", "jd-default-1": "exited"}


@pytest.mark.fault("F26")
def test_digests_that_the_catalog_lacks_are_pinned_by_the_first_up(
    session: Session, engine: docker.APIClient, tmp_path: Path
) -> None:
    tag = ran(session, "plan", "--accept-cpu")[1]["image"]["reference"].split("@")[0].rpartition(":")[2]
    overlay = {
        "profiles/models/deepseek-r1.yaml": "sizes: {7b: {manifest_digest: null}}",
        "containers/images/dustynv-ollama.yaml": f"tags: {{{tag}: {{digest: null}}}}",
    }
    for name, text in overlay.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    unpinned = ("--catalog", str(tmp_path), "--image-policy", f"dustynv/ollama:{tag}")
    assert up(session, "--accept-cpu", *unpinned)[0] == 0
    labels = engine.inspect_container("jd-default-1")["Config"]["Labels"]
    assert "@sha256:" in labels["io.jetson-deploy.image"]
    assert len(labels["io.jetson-deploy.model-digest"]) == 64
    assert up(session, *unpinned)[1]["result"] == "no-changes"
    assert len(ran(session, "down", "--purge")[1]["images"]) == 1
    assert engine.images() == []


def test_an_image_that_is_not_there_stops_the_model_s_fetch_and_finished_blobs_are_used_again(
    session: Session, engine: docker.APIClient
) -> None:
    code, error, _ = up(session, "--accept-cpu", "--image-policy", "somebody/ollama:1")
    assert (code, error["code"]) == (4, "image-not-found"), error
    assert ours(engine) == {}
    assert [p.name for p in (session.store / "blobs").glob("*") if not p.name.startswith("sha256-")] == []
    assert up(session, "--accept-cpu")[0] == 0


def test_two_runs_at_once_are_told_apart_by_the_lock(session: Session) -> None:
    first = up_until(session, "any", "--store", str(session.store), "--accept-cpu")
    code, error, _ = up(session, "--accept-cpu")
    assert (code, error["code"]) == (75, "locked")
    assert "pid" in error["message"]
    assert ended(first)[0] == 0


@pytest.mark.fault("F9")
def test_a_damaged_blob_in_the_store_is_found_and_fetched_again(session: Session) -> None:
    assert up(session, "--accept-cpu")[0] == 0
    ran(session, "down")
    blob = max((session.store / "blobs").iterdir(), key=lambda p: p.stat().st_size)
    content = bytearray(blob.read_bytes())
    content[50_000_000] ^= 1
    blob.write_bytes(content)
    code, _, _ = up(session, "--accept-cpu", "--force")
    assert code == 0
    assert blob.read_bytes() != bytes(content)


def test_down_removes_what_is_ours_and_says_so_when_nothing_is(session: Session, engine: docker.APIClient) -> None:
    assert up(session, "--accept-cpu")[0] == 0
    code, removed, _ = ran(session, "down", "--purge")
    assert (code, removed["result"], removed["containers"]) == (0, "done", ["jd-default-1"])
    assert ours(engine) == {}
    assert not any((session.store / "blobs").iterdir())
    assert ran(session, "down")[1]["result"] == "no-changes"


def test_purge_leaves_what_another_deployment_uses_and_that_one_removes_it_at_last(session: Session) -> None:
    other = ("--name", "other")
    assert up(session, "--accept-cpu")[0] == 0
    assert up(session, "--accept-cpu", *other, "--port", "11435")[0] == 0
    code, removed, narration = ran(session, "down", "--purge")
    assert (code, removed["images"], removed["models"]) == (0, [], [])
    assert "deployment 'other' uses it" in narration
    assert ran(session, "status", *other)[1]["healthy"] is True
    removed = ran(session, "down", "--purge", *other)[1]
    assert (len(removed["images"]), removed["models"]) == (1, ["deepseek-r1:7b"])
    assert not any((session.store / "blobs").iterdir())


def test_logs_shows_the_server_s_own_lines(session: Session) -> None:
    assert up(session, "--accept-cpu")[0] == 0
    done = session.run("logs", "--tail", "500", capture=True)
    assert done.returncode == 0
    assert "Listening on 127.0.0.1:11434" in done.stdout
    assert "CPU-only server was accepted" in done.stderr
    code, document, _ = ran(session, "logs", "--tail", "500")
    assert (code, document["container"]) == (0, "jd-default-1")
    assert any("Listening on" in line for line in document["lines"])


@pytest.mark.fault("F27")
def test_logs_followed_end_with_ctrl_c_or_with_their_reader_and_both_are_right(session: Session) -> None:
    assert up(session, "--accept-cpu")[0] == 0
    argv = session.command("logs", "--follow", "--events")
    process = subprocess.Popen(argv, env=session.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["event"] == "log"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, json.loads(out.splitlines()[-1])["event"]) == (0, "finished"), err
    shown = f"{shlex.join(argv)} | head -n 1"
    headed = subprocess.run(
        ["bash", "-c", shown], env=session.environment(), capture_output=True, timeout=30, check=True
    )
    assert json.loads(headed.stdout)["event"] == "log"


def test_every_document_of_a_rehearsal_says_what_is_simulated_and_that_the_cpu_was_accepted(session: Session) -> None:
    assert up(session, "--accept-cpu")[1]["simulated"] == session.words
    for verb in (("detect",), ("plan",), ("status",), ("logs",), ("chat", "--max-tokens", "2", "Hi"), ("down",)):
        document = ran(session, *verb)[1]
        assert document["simulated"] == session.words, verb
        assert document.get("accept_cpu", True) is True, verb


@pytest.mark.parametrize(
    ("host", "code"),
    [("unix:///nonexistent/docker.sock", "engine-unusable"), ("unix:///dev/null", "engine-unusable")],
)
def test_an_engine_that_cannot_be_used_is_refused(session: Session, host: str, code: str) -> None:
    done = subprocess.run(
        session.command("up", "--store", str(session.store), "--json"),
        env={**session.environment(), "DOCKER_HOST": host},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    assert json.loads(done.stdout)["code"] == code


def test_a_hung_engine_is_refused_and_not_waited_for_without_end(session: Session) -> None:
    pid = session.kept().engine_pid
    freeze(pid)
    try:
        code, error, _ = up(session)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert (code, error["code"]) == (3, "engine-hung")


def test_a_store_that_cannot_be_written_is_refused(session: Session, tmp_path: Path) -> None:
    blocked = tmp_path / "store"
    blocked.write_text("a file")
    code, error, _ = ran(session, "up", "--store", str(blocked), "--accept-cpu")
    assert code == 3
    assert "store" in error["message"]


def test_events_end_with_finished_and_every_line_is_json(session: Session) -> None:
    done = session.run("up", "--store", str(session.store), "--accept-cpu", "--events", capture=True)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events[0]["event"] == "note" and events[0]["level"] == "simulated"
    assert events[-1] == {**events[-1], "event": "finished", "exit_code": 0, "result": "done"}
    assert {"progress", "verdict", "step-started", "step-finished"} <= {e["event"] for e in events}
