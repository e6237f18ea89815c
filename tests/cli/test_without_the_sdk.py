"""Looking at a deployment does not load the Docker SDK: it costs as much as everything else together."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from engine_socket import RecordedEngine, engine_socket

BLOCKED = "import sys; sys.modules['docker'] = None; from jetson_deploy.cli.main import main; main(sys.argv[1:])"


@pytest.mark.parametrize(
    "verb", [("status", "--drift", "--json"), ("detect", "--json"), ("monitor", "--once", "--json")]
)
def test_the_sdk_need_not_be_there_to_look(verb: tuple[str, ...], tmp_path: Path) -> None:
    engine = RecordedEngine()
    assert engine.container is not None
    engine.container["State"] = {"Status": "exited", "ExitCode": 1}
    own = {"JETSON_DEPLOY_STATE_DIR": str(tmp_path / "state"), "JETSON_DEPLOY_LOCK_DIR": str(tmp_path / "lock")}
    with engine_socket(engine) as path:
        done = subprocess.run(
            [sys.executable, "-c", BLOCKED, *verb],
            env={**os.environ, **own, "DOCKER_HOST": f"unix://{path}"},
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert "Traceback" not in done.stderr
    assert f"{engine.name}" in done.stdout, done.stderr
    assert any(asked.startswith("/containers/json") for asked in engine.asked)
