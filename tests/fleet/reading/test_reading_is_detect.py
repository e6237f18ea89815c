"""What a fleet reads of a board over SSH is what `detect` and `plan` find on the board itself."""

from __future__ import annotations

import ast
import asyncio
import functools
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
from local_device import LocalDevice, read_roots
from ollama_store import put_model

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.catalog.load import load_catalog
from jetson_deploy.deploy.survey import survey
from jetson_deploy.facts import HostFacts
from jetson_deploy.fleet.reading.answer import ReadingAnswer
from jetson_deploy.fleet.reading.facts import facts_of, state_of
from jetson_deploy.fleet.reading.read import Reading, read
from jetson_deploy.fleet.reading.script import header_script, script
from jetson_deploy.settings import Settings

HOSTS = sorted(p for p in (Path(__file__).parents[2] / "hosts").iterdir() if p.is_dir())
NO_ENGINE = "unix:///nonexistent/docker.sock"


@functools.cache
def catalog() -> Catalog:
    return load_catalog()


def read_here(further: str = "", stores: tuple[str, ...] = (), **environment: str) -> Reading:
    return asyncio.run(read(LocalDevice(further, environment), stores=stores))


def shown(facts: HostFacts) -> Any:
    return msgspec.to_builtins(msgspec.structs.replace(facts, root="/"))


@pytest.fixture(scope="module")
def answers() -> dict[Path, ReadingAnswer]:
    return read_roots([folder / "root" for folder in HOSTS])


@pytest.mark.parametrize("folder", HOSTS, ids=lambda p: p.name)
def test_a_captured_board_has_the_facts_that_detect_finds_in_its_root(
    folder: Path, answers: dict[Path, ReadingAnswer]
) -> None:
    root = folder / "root"
    settings = Settings()
    by_fleet = facts_of(answers[root], settings, catalog(), deployment="default")
    assert shown(by_fleet) == shown(survey(root, settings, catalog(), store=None, deployment="default"))


MOVING = ("free_bytes", "available_bytes", "swap_free_bytes", "epoch_seconds", "desktop_bytes")
"""What changes between two looks at a machine that works."""


def still(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: still(item) for key, item in value.items() if key not in MOVING}
    return [still(item) for item in value] if isinstance(value, list | tuple) else value


def test_this_machine_has_the_facts_that_detect_finds_here() -> None:
    settings = Settings(docker_host=NO_ENGINE)
    by_fleet = facts_of(read_here(DOCKER_HOST=NO_ENGINE).answer, settings, catalog(), deployment="default")
    here = survey(Path("/"), settings, catalog(), store=None, deployment="default")
    found, expected = still(shown(by_fleet)), still(shown(here))
    # Namespaces of other programs come and go in between, with their mounts.
    common = {d["mount"] for d in expected["disks"]} & {d["mount"] for d in found["disks"]}
    for one in (found, expected):
        one["disks"] = [d for d in one["disks"] if d["mount"] in common]
        one["store"]["why"] = ""
    assert found == expected
    assert "/" in common


def verify(store: Path, digests: list[str]) -> None:
    own = store / ".jetson-deploy"
    own.mkdir(parents=True, exist_ok=True)
    said = {}
    for name in (d.replace(":", "-") for d in digests):
        status = (store / "blobs" / name).stat()
        said[name] = {"size": status.st_size, "mtime_ns": status.st_mtime_ns, "inode": status.st_ino}
    (own / "verified.json").write_text(json.dumps({"version": 1, "blobs": said}))


def test_the_models_of_a_store_are_those_that_detect_lists(tmp_path: Path) -> None:
    empty = f"sha256:{hashlib.sha256(b'{}').hexdigest()}"
    whole = put_model(tmp_path, "deepseek-r1:7b")
    put_model(tmp_path, "deepseek-r1:8b", weights=b"8" * 4000)
    cut = put_model(tmp_path, "deepseek-r1:14b", weights=b"14" * 4000)
    put_model(tmp_path, "deepseek-r1:1.5b", tree=".jetson-deploy/pinned/{digest}")
    put_model(tmp_path, "deepseek-r1:1.5b", tree=".jetson-deploy/pinned/" + "0" * 64, weights=b"x")
    os.truncate(tmp_path / "blobs" / cut.replace(":", "-"), 100)
    verify(tmp_path, [whole, empty])
    (tmp_path / "manifests/registry.ollama.ai/library/damaged").mkdir()
    (tmp_path / "manifests/registry.ollama.ai/library/damaged/1b").write_bytes(b"\xff{")
    os.mkfifo(tmp_path / "manifests/registry.ollama.ai/library/damaged/2b")

    settings = Settings(docker_host=NO_ENGINE)
    reading = read_here(f"--store {tmp_path}", DOCKER_HOST=NO_ENGINE)
    by_fleet = facts_of(reading.answer, settings, catalog(), deployment="default", store=tmp_path).store
    here = survey(Path("/"), settings, catalog(), store=tmp_path, deployment="default").store
    assert by_fleet is not None
    assert here is not None
    assert (by_fleet.models, by_fleet.pinned) == (here.models, here.pinned)
    assert (by_fleet.exists, by_fleet.writable, by_fleet.why) == (here.exists, here.writable, here.why)
    states = {model.name: (model.complete, model.missing_bytes) for model in by_fleet.models or ()}
    assert states["deepseek-r1:7b"] == (True, 0)
    assert states["deepseek-r1:8b"] == (False, 0)
    assert states["deepseek-r1:14b"][1] == 8000
    assert [model.name for model in by_fleet.pinned or ()] == ["deepseek-r1:1.5b"]


def test_the_state_of_a_deployment_comes_along(tmp_path: Path) -> None:
    from jetson_deploy.deployment.revisions import State
    from jetson_deploy.state.directory import StateDirectory

    StateDirectory(tmp_path, "default").prepare()
    kept = StateDirectory(tmp_path, "default").save(
        State(deployment="default", attention="größer als erlaubt", numbered=3)
    )
    answer = read_here(JETSON_DEPLOY_STATE_DIR=str(tmp_path), DOCKER_HOST=NO_ENGINE).answer
    assert state_of(answer, "default") == kept
    assert state_of(answer, "other") is None


def test_the_machine_itself_is_told_beside_the_facts() -> None:
    reading = read_here(DOCKER_HOST=NO_ENGINE)
    board = reading.answer.board
    assert board.machine == os.uname().machine
    assert board.boot_id == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert board.host_name == os.uname().nodename
    assert reading.clock_ahead is not None
    assert abs(reading.clock_ahead) < 60
    assert board.pythons


def test_the_scripts_are_ones_that_a_python_of_jetpack_4_understands() -> None:
    for sent in (script(), header_script()):
        ast.parse(sent, feature_version=(3, 6))
