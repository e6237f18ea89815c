"""A container that ends while it is changed: the engine sees that a moment later, and the change is made."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from private_engine import PrivateEngine, import_busybox, private_engine

from jetson_deploy.runtime.opened import runtime_at
from jetson_deploy.runtime.port import ContainerState, Runtime

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
LIVES = (0.02, 0.05, 0.08, 0.11, 0.14)
"""Seconds: the change meets it while it runs, while it ends, or between two starts."""


@pytest.fixture(scope="module")
def engine() -> Iterator[PrivateEngine]:
    with private_engine() as started:
        import_busybox(started.client(), "bb", "1")
        yield started


@pytest.fixture
def runtime(engine: PrivateEngine) -> Iterator[Runtime]:
    found = runtime_at(engine.host)
    yield found
    for one in found.list_containers():
        found.remove(one.id, force=True)


def started(engine: PrivateEngine, script: str, runtime: str = "runc") -> None:
    client = engine.client()
    host = client.create_host_config(network_mode="host", restart_policy={"Name": "always"}, runtime=runtime)
    client.create_container("bb:1", ["sh", "-c", script], name="jd-a", host_config=host)
    client.start("jd-a")


def seen(runtime: Runtime, name: str = "jd-a") -> ContainerState:
    found = runtime.inspect(name)
    assert found is not None
    return found


def test_a_policy_is_changed_while_the_containers_process_ends(engine: PrivateEngine, runtime: Runtime) -> None:
    started(engine, "sleep 600", runtime="ending")
    mark = engine.folder / "end-in-update"
    mark.touch()
    runtime.set_restart("jd-a", "no")
    assert not mark.exists()  # the engine asked the runtime, which found nothing to update
    assert seen(runtime).restart_policy == "no"


def test_a_container_that_ends_again_and_again_is_changed_stopped_and_removed(
    engine: PrivateEngine, runtime: Runtime
) -> None:
    for life in LIVES:
        started(engine, f"sleep {life}; exit 1")
        runtime.rename("jd-a", "jd-b")
        runtime.set_restart("jd-b", "unless-stopped")
        assert seen(runtime, "jd-b").restart_policy == "unless-stopped"
        runtime.set_restart("jd-b", "no")
        runtime.stop("jd-b", 1)
        assert seen(runtime, "jd-b").state == "exited"
        runtime.remove("jd-b", force=True)
        assert runtime.inspect("jd-b") is None


def test_a_removal_that_is_under_way_is_waited_for(engine: PrivateEngine, runtime: Runtime) -> None:
    started(engine, "trap : TERM; while :; do sleep 0.05; done")
    first = threading.Thread(target=lambda: runtime_at(engine.host).remove("jd-a", force=True))
    first.start()
    runtime.remove("jd-a", force=True)
    assert runtime.inspect("jd-a") is None
    first.join()
