"""A container and a unit, one after the other on one store: a real engine, systemd, and Ollama in both.

What listens in the container lies in another PID namespace here, so whose it is stays unknown to the proof; on a board
it is seen.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from native_host import NativeHost, beside_engine, native_folder

from jetson_deploy.events import silent
from jetson_deploy.names import is_native
from jetson_deploy.rehearsal.board import DEFAULT_BOARD, find_board
from jetson_deploy.rehearsal.session import Session
from jetson_deploy.runtime.opened import runtime_at

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    made = Session(DEFAULT_BOARD, find_board(DEFAULT_BOARD), f"n{os.getpid():x}")
    made.start()
    try:
        made.fill(None, silent)
        yield made
    finally:
        made.stop()


@pytest.fixture
def host(session: Session) -> Iterator[NativeHost]:
    with native_folder() as folder, beside_engine(folder, session) as made:
        yield made
        made.deploy("down", "--purge", "--yes")


def up(host: NativeHost, *arguments: str) -> dict[str, Any]:
    return host.deploy("up", "--store", str(host.store), "--accept-cpu", *arguments)


def serves(host: NativeHost, session: Session, *, native: bool) -> str:
    """Real tokens of what is deployed, and nothing of the other runtime runs. Its model."""
    status = host.deploy("status")
    assert status["healthy"] is True
    assert is_native(status["image"]) is native
    assert host.tokens(status["model"])
    states = {one.state for one in runtime_at(session.engine.host).facts().containers}
    assert ("running" in states) is not native
    units = host.systemd.run("systemctl", "list-units", "--plain", "--no-legend", "--state=active", "jetson-deploy-*")
    assert bool(units) is native
    return str(status["model"])


def test_it_goes_from_a_container_to_a_unit_and_both_ways_back_on_one_store(host: NativeHost, session: Session) -> None:
    assert up(host)["tokens_per_second"] > 0
    model = serves(host, session, native=False)
    assert up(host, "--runtime", "native")["tokens_per_second"] > 0
    assert serves(host, session, native=True) == model
    assert host.deploy("rollback")["tokens_per_second"] > 0
    assert serves(host, session, native=False) == model
    assert host.deploy("rollback")["tokens_per_second"] > 0
    assert serves(host, session, native=True) == model
    assert up(host)["result"] == "no-changes"  # what serves is kept
    assert up(host, "--runtime", "docker")["result"] == "done"
    assert serves(host, session, native=False) == model


WAYS = {"from a container to a unit": ("docker", "native"), "from a unit to a container": ("native", "docker")}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_a_run_that_dies_when_the_old_one_is_stopped_is_undone_across_runtimes(
    host: NativeHost, session: Session, way: tuple[str, str]
) -> None:
    up(host, "--runtime", way[0])
    plan = host.deploy("plan", "--runtime", way[1], "--accept-cpu")
    stopped = next(number for number, step in enumerate(plan["steps"], 1) if step["do"] == "stop-container")
    killed = host.typed("up", "--runtime", way[1], JETSON_DEPLOY_CRASH_AT=f"up:{stopped}:after")
    assert killed.returncode == -9, killed.stderr
    assert host.deploy("recover")["result"] == "undone"
    serves(host, session, native=way[0] == "native")
