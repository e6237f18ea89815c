"""`doctor` and `plan` beside a real engine that has no runtime called nvidia, has it, and is gone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from private_engine import PrivateEngine, private_engine, wait_until

from jetson_deploy.runtime.opened import runtime_at

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
BOARD = Path(__file__).parents[1] / "hosts" / "orin-nano-8gb-jp6.2" / "root"
Said = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture(scope="module")
def engine() -> Iterator[PrivateEngine]:
    with private_engine() as started:
        yield started


@pytest.fixture
def said(engine: PrivateEngine, tmp_path: Path) -> Said:
    """A simulated board beside the real engine: exit code and document."""

    def ran(*words: str) -> tuple[int, dict[str, Any]]:
        environment = {
            **os.environ,
            "DOCKER_HOST": engine.host,
            "JETSON_DEPLOY_REHEARSAL": "a board of the test's",
            "JETSON_DEPLOY_STATE_DIR": str(tmp_path / "state"),
            "JETSON_DEPLOY_LOCK_DIR": str(tmp_path / "lock"),
            "JETSON_DEPLOY_PORT": "23999",
        }
        command = [sys.executable, "-m", "jetson_deploy", *words, "--root", str(BOARD), "--json"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, json.loads(done.stdout)

    return ran


def found(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["id"]: one for one in document["findings"]}


def set_runtimes(engine: PrivateEngine, runtimes: dict[str, Any]) -> None:
    """As on a board: the file is written, and the engine reads it again."""
    (engine.folder / "daemon.json").write_text(json.dumps({"runtimes": runtimes}))
    engine.signal_engine(signal.SIGHUP)
    asked = runtime_at(engine.host)
    wait_until(lambda: ("nvidia" in asked.facts().runtimes) is ("nvidia" in runtimes), "the engine has read its file")


def test_a_runtime_that_is_missing_blocks_until_the_engine_has_it(engine: PrivateEngine, said: Said) -> None:
    known = json.loads((engine.folder / "daemon.json").read_text())["runtimes"]
    set_runtimes(engine, {})
    code, document = said("doctor")
    missing = found(document)["nvidia-runtime-missing"]
    assert (code, missing["severity"]) == (1, "block")
    assert "nvidia-ctk runtime configure" in missing["fix"]
    assert missing["steps"] == ["nvidia-runtime"]
    assert missing["undo"]
    refused, error = said("plan")
    assert (refused, error["code"]) == (3, "nvidia-runtime-missing")
    set_runtimes(engine, known)
    _, mended = said("doctor")
    assert "nvidia-runtime-missing" not in found(mended)
    assert "engine" in mended["looked_at"]


def test_the_gpu_is_not_called_tried_where_the_planned_image_is_not_here(said: Said) -> None:
    _, document = said("doctor", "--try-gpu")
    gaps = [one for one in document["not_looked_at"] if one.startswith("a container with the GPU: not tried")]
    assert len(gaps) == 1 and "its image is not here (up fetches it): dustynv/ollama:" in gaps[0], document


def test_an_engine_that_ended_is_told_and_its_deployment_is_not_called_fine(engine: PrivateEngine, said: Said) -> None:
    engine.kill_engine()
    try:
        code, document = said("doctor")
    finally:
        engine.start_engine()
    assert code == 1
    assert found(document)["engine-not-usable"]["severity"] == "block"
    assert "deployment default: no engine answers" in document["not_looked_at"]
    assert "deployment" not in document["looked_at"]
