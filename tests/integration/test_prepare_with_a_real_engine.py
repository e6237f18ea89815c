"""A real Docker Engine reads the merged daemon.json on SIGHUP, shows the runtime, and forgets it when it is undone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from private_engine import PrivateEngine, wait_until

from jetson_deploy.deployment.revisions import Actor
from jetson_deploy.events import Event
from jetson_deploy.facts import BoardFacts, EngineFacts, HostFacts
from jetson_deploy.prepare.book import Book
from jetson_deploy.prepare.host_step import Look
from jetson_deploy.prepare.machine import Machine, run_here
from jetson_deploy.prepare.run import Preparer, chosen_entries
from jetson_deploy.prepare.steps.listed import STEPS
from jetson_deploy.runtime.opened import runtime_at

pytestmark = pytest.mark.integration

FOREIGN = '{\n  "runtimes": {"other": {"path": "/usr/sbin/runc", "runtimeArgs": ["--debug"]}},\n  "debug": false\n}'


@pytest.fixture
def engine() -> Iterator[PrivateEngine]:
    one = PrivateEngine()
    one.start()
    try:
        yield one
    finally:
        one.teardown()


def root_around(engine: PrivateEngine) -> tuple[Path, Path]:
    """A host's root whose daemon.json is the one that the engine reads."""
    root = engine.folder / "root"
    daemon = root / "etc/docker/daemon.json"
    pid = (engine.folder / "d.pid").read_text().strip()
    files = {"usr/bin/dockerd": "", "usr/bin/nvidia-container-runtime": "", "run/docker.pid": pid}
    for name, text in {**files, f"proc/{pid}/comm": "dockerd\n", "etc/docker/daemon.json": FOREIGN}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    configured = engine.folder / "daemon.json"
    configured.unlink()
    configured.symlink_to(daemon)
    return root, daemon


def facts(engine: PrivateEngine) -> EngineFacts:
    return runtime_at(engine.host).facts()


def quiet(_: Event) -> None:
    """Told to no reader."""


def test_a_running_engine_takes_the_merged_file_and_gives_it_back(engine: PrivateEngine, tmp_path: Path) -> None:
    root, daemon = root_around(engine)
    pid = (root / "run/docker.pid").read_text()
    run_here(["kill", "-HUP", pid])
    wait_until(lambda: "nvidia" not in facts(engine).runtimes, "the engine has no nvidia runtime")
    machine = Machine(root=root, run=run_here, engine=lambda: facts(engine))
    look = Look(machine=machine, facts=_host_facts(engine), user=None)
    book = Book(tmp_path / "state")
    preparer = Preparer(machine=machine, book=book, by=Actor(user="ada"), report=quiet)
    assert preparer.do([STEPS["nvidia-runtime"]], look) == ("nvidia-runtime",)
    assert {"nvidia", "other"} <= set(facts(engine).runtimes)
    assert json.loads(daemon.read_text())["runtimes"]["other"]["runtimeArgs"] == ["--debug"]
    assert preparer.do([STEPS["nvidia-runtime"]], Look(machine=machine, facts=_host_facts(engine), user=None)) == ()
    preparer.undo(chosen_entries(book.load(), ()))
    assert daemon.read_text() == FOREIGN
    wait_until(lambda: "nvidia" not in facts(engine).runtimes, "the engine gave the runtime up")
    assert (root / "run/docker.pid").read_text() == pid


def _host_facts(engine: PrivateEngine) -> HostFacts:
    return HostFacts(root="/", is_jetson=True, board=BoardFacts(), l4t=None, engine=facts(engine))
