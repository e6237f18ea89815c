"""An engine that is killed in the middle of a start and comes back: the container can be started all the same."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from private_engine import PrivateEngine, import_busybox, private_engine, wait_until

from jetson_deploy.runtime.opened import runtime_at

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
MOST_KILLS = 10
LOOP = ["sh", "-c", 'trap "exit 0" TERM; while :; do sleep 0.05; done']


@pytest.fixture(scope="module")
def engine() -> Iterator[PrivateEngine]:
    with private_engine() as started:
        import_busybox(started.client(), "bb", "1")
        yield started


def made(engine: PrivateEngine, name: str) -> str:
    client = engine.client()
    host = client.create_host_config(
        network_mode="host",
        restart_policy={"Name": "no"},
        mounts=[docker.types.Mount(target="/data", source="/tmp", type="bind", read_only=True)],
        cap_drop=["ALL"],
        pids_limit=50,
        dns=[],
        dns_opt=[],
        dns_search=[],
    )
    labels = {"io.jetson-deploy.test": "1"}
    found = client.create_container("bb:1", LOOP, name=name, host_config=host, labels=labels, environment={"A": "1"})
    return str(found["Id"])


def settings(engine: PrivateEngine, name: str) -> tuple[Any, Any]:
    """`null` and an empty list are one: the engine writes either, and changes it when it is started itself."""
    found = engine.client().inspect_container(name)
    config, host = ({k: v or None for k, v in found[part].items()} for part in ("Config", "HostConfig"))
    return config, host


def has_shim(container_id: str) -> bool:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = path.read_bytes()
            if b"containerd-shim" in words and container_id.encode() in words:
                return True
    return False


def killed_while_starting(engine: PrivateEngine, name: str, container_id: str) -> None:
    def start() -> None:
        with contextlib.suppress(Exception):  # the engine dies in it
            engine.client().start(name)

    thread = threading.Thread(target=start)
    thread.start()
    wait_until(lambda: has_shim(container_id), "the container's shim is there")
    engine.kill_engine()
    thread.join()
    engine.start_engine()


def test_a_container_whose_start_was_cut_off_by_the_engines_death_starts_and_is_as_it_was(
    engine: PrivateEngine,
) -> None:
    """Some of these starts leave a task in containerd that the engine does not know."""
    runtime, made_again = runtime_at(engine.host), 0
    for number in range(MOST_KILLS):
        name = f"jd-a-{number}"
        container_id = made(engine, name)
        before = settings(engine, name)
        killed_while_starting(engine, name, container_id)
        runtime.start(name)
        found = runtime.inspect(name)
        assert found is not None and found.state == "running"
        assert settings(engine, name) == before
        assert [one.name for one in runtime.list_containers()] == [name]
        runtime.remove(name, force=True)
        made_again += found.id != container_id
        if made_again == 2:
            return
    pytest.fail(f"no start out of {MOST_KILLS} was refused: the fault was not made")
