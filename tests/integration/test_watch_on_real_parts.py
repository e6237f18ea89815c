"""`watch` beside a real engine and the real Ollama: what is noticed within a minute, what is healed, what is not."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest
from watching import children, history, server_pid, watching

from jetson_deploy.events import silent
from jetson_deploy.rehearsal.board import DEFAULT_BOARD, find_board
from jetson_deploy.rehearsal.session import Session
from jetson_deploy.state.directory import StateDirectory
from jetson_deploy.state.lock import deployment_lock

pytestmark = pytest.mark.integration
CONTAINER = "jd-default-1"


@pytest.fixture(scope="module")
def board() -> Iterator[Path]:
    """A copy of the captured board, whose memory a test may change."""
    with tempfile.TemporaryDirectory(prefix="jdw", dir="/tmp") as folder:
        root = Path(folder) / "root"
        shutil.copytree(find_board(DEFAULT_BOARD), root, symlinks=True)
        yield root


@pytest.fixture(scope="module")
def parts(board: Path) -> Iterator[Session]:
    session = Session(DEFAULT_BOARD, board, f"w{os.getpid():x}")
    session.start()
    try:
        session.fill(None, silent)
        yield session
    finally:
        session.stop()


@pytest.fixture
def session(parts: Session) -> Iterator[Session]:
    """A deployment that serves."""
    done = parts.run("up", "--store", str(parts.store), "--accept-cpu", capture=True)
    assert done.returncode == 0, done.stderr
    yield parts
    parts.run("down", "--purge", capture=True)


@pytest.fixture
def engine(session: Session) -> Iterator[docker.APIClient]:
    client = docker.APIClient(base_url=session.engine.host, version="auto", timeout=60)
    yield client
    client.close()


def runner_pid(engine: docker.APIClient) -> int:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        # One that was just started has no server yet.
        init = int(engine.inspect_container(CONTAINER)["State"]["Pid"])
        if found := [runner for server in children(init) for runner in children(server)]:
            return found[0]
        time.sleep(0.2)
    raise AssertionError("no model is loaded")


FAULTS: dict[str, tuple[Callable[[docker.APIClient], None], set[str], str]] = {
    "server-stopped-by-a-signal": (
        lambda e: os.kill(server_pid(e, CONTAINER), signal.SIGSTOP),
        {"frozen"},
        "restarted",
    ),
    "runner-stopped-by-a-signal": (lambda e: os.kill(runner_pid(e), signal.SIGSTOP), {"frozen"}, "restarted"),
    "server-killed": (
        lambda e: os.kill(server_pid(e, CONTAINER), signal.SIGKILL),
        {"crashed", "crash-loop"},
        "recovered",
    ),
    "paused": (lambda e: e.pause(CONTAINER), {"paused"}, "unpaused"),
}


@pytest.mark.parametrize("inflict, faults, deed", FAULTS.values(), ids=FAULTS)
@pytest.mark.fault("F28")
def test_a_fault_is_noticed_within_a_minute_healed_and_in_the_history(
    session: Session,
    engine: docker.APIClient,
    inflict: Callable[[docker.APIClient], None],
    faults: set[str],
    deed: str,
) -> None:
    with watching(session) as watch:
        inflict(engine)
        watch.noticed(*faults)
        watch.healed(deed)
        watch.healed("recovered")
    assert {"noticed", deed, "recovered"} <= set(history(session))
    assert session.run("status", capture=True).returncode == 0


def test_a_killed_runner_is_told_and_its_model_loaded_again(session: Session, engine: docker.APIClient) -> None:
    with watching(session) as watch:
        os.kill(runner_pid(engine), signal.SIGKILL)
        watch.noticed("runner-lost")
        watch.healed("recovered")
    assert runner_pid(engine)


def test_what_somebody_stopped_is_left_alone_and_said_once(session: Session, engine: docker.APIClient) -> None:
    with watching(session) as watch:
        engine.stop(CONTAINER, timeout=10)
        watch.noticed("stopped")
        time.sleep(7)
        assert engine.inspect_container(CONTAINER)["State"]["Status"] == "exited"
        assert [e["fault"] for e in watch.events if e["event"] == "noticed"] == ["stopped"]


def test_a_change_under_way_is_only_looked_at_and_healing_comes_after_it(
    session: Session, engine: docker.APIClient
) -> None:
    with watching(session) as watch:
        with deployment_lock(Path(session.variables()["JETSON_DEPLOY_LOCK_DIR"]), "default", command="test"):
            os.kill(server_pid(engine, CONTAINER), signal.SIGSTOP)
            watch.said("only observing")
            time.sleep(6)
            assert not [e for e in watch.events if e["event"] in ("noticed", "healed")]
        watch.healed("restarted")


def test_a_long_answer_is_no_fault(session: Session, engine: docker.APIClient) -> None:
    prompt = {"model": "deepseek-r1:7b", "prompt": "Count.", "stream": False, "options": {"num_predict": 250}}
    ask = ["curl", "-sS", "-m", "200", "http://127.0.0.1:11434/api/generate", "-d", json.dumps(prompt)]
    with watching(session, "--generate-every", "1") as watch:
        done = subprocess.run([*session.namespace.enter(), *ask], capture_output=True, text=True, check=True)
        assert json.loads(done.stdout)["done"]
        time.sleep(4)
        assert not [e for e in watch.events if e["event"] in ("noticed", "healed")]


def test_a_client_that_asks_for_another_context_keeps_its_runner(session: Session, engine: docker.APIClient) -> None:
    options = {"num_predict": 1, "num_ctx": 1024}
    prompt = {"model": "deepseek-r1:7b", "prompt": "Hi", "stream": False, "options": options}
    ask = ["curl", "-sS", "-m", "100", "http://127.0.0.1:11434/api/generate", "-d", json.dumps(prompt)]
    with watching(session, "--generate-every", "2") as watch:
        done = subprocess.run([*session.namespace.enter(), *ask], capture_output=True, text=True, check=True)
        assert json.loads(done.stdout)["done"]
        time.sleep(3)  # a runner that was replaced is gone by then
        runner = runner_pid(engine)
        time.sleep(7)
        assert runner_pid(engine) == runner
        # That the runner was replaced by the client's own wish may be told, and needs no deed.
        deeds = {e["action"] for e in watch.events if e["event"] == "healed"}
        assert deeds <= {"recovered"}


def set_available(board: Path, kib: int) -> None:
    path = board / "proc/meminfo"
    text = re.sub(r"(MemAvailable:\s+)\d+", rf"\g<1>{kib}", path.read_text())
    (board / "proc/new").write_text(text)
    (board / "proc/new").replace(path)


@pytest.mark.fault("F28")
def test_short_memory_unloads_the_model_then_stops_the_server_and_both_come_back(
    session: Session, engine: docker.APIClient, board: Path
) -> None:
    before = (board / "proc/meminfo").read_text()
    with watching(session) as watch:
        runner_pid(engine)
        set_available(board, 50_000)
        try:
            watch.noticed("memory-low")
            watch.healed("unloaded")
            watch.healed("stopped")
            assert engine.inspect_container(CONTAINER)["State"]["Status"] == "exited"
        finally:
            (board / "proc/meminfo").write_text(before)
        watch.healed("started", 90)
        assert runner_pid(engine)
        assert [e["fault"] for e in watch.events if e["event"] == "noticed"] == ["memory-low"]
    assert {"unloaded", "stopped", "started"} <= set(history(session))


@pytest.mark.fault("F28")
def test_when_restarting_does_not_help_it_is_rolled_back_once_and_then_left_to_somebody(
    session: Session, engine: docker.APIClient
) -> None:
    assert session.run("up", "--context", "2048", capture=True).returncode == 0
    with watching(session, "--max-restarts", "0") as watch:
        os.kill(server_pid(engine, "jd-default-2"), signal.SIGSTOP)
        watch.healed("rolled-back", 180)
        assert engine.inspect_container("jd-default-3")["State"]["Status"] == "running"
        os.kill(server_pid(engine, "jd-default-3"), signal.SIGSTOP)
        watch.healed("needs-attention")
        os.kill(server_pid(engine, "jd-default-3"), signal.SIGCONT)
    state = StateDirectory(Path(session.variables()["JETSON_DEPLOY_STATE_DIR"]), "default").load()
    assert state is not None and state.attention is not None and state.current == 3


def test_an_engine_that_was_killed_is_waited_for_and_what_it_left_is_recovered(session: Session) -> None:
    with watching(session) as watch:
        os.kill(session.kept().engine_pid, signal.SIGKILL)
        watch.said("waiting for it")
        session.start_engine()
        watch.said("answers again")
    assert session.run("status", capture=True).returncode == 0


def test_it_tells_systemd_over_an_abstract_socket_and_ends_when_told_to(session: Session) -> None:
    address = f"jetson-deploy-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("\0" + address)
        listener.settimeout(30)
        # An abstract name belongs to the network namespace: notified from within, heard from within only.
        process = subprocess.Popen(
            session.command("watch", "--interval", "2")[2:],
            env={**session.environment(), "NOTIFY_SOCKET": f"@{address}", "WATCHDOG_USEC": "180000000"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            heard: set[str] = set()
            while not heard >= {"READY=1", "WATCHDOG=1"} or not any(h.startswith("STATUS=") for h in heard):
                heard.add(listener.recv(4096).decode())
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=120) == 0
            while "STOPPING=1" not in heard:
                heard.add(listener.recv(4096).decode())
        finally:
            process.kill()
            process.wait()
