"""The proof of the two ports: whole commands over a runtime and a server of memory, with no Docker SDK and no socket.

The flows run in one process of their own (`run_flows.py`), since what refuses sockets cannot be taken back.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from flows import FLOWS

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def problems() -> dict[str, str]:
    """Flow → its traceback; empty: it passed."""
    done = subprocess.run(
        [sys.executable, str(HERE / "run_flows.py")], capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    return {one["flow"]: one["problem"] for one in told}


@pytest.mark.parametrize("flow", FLOWS)
def test_without_docker_and_sockets(flow: str, problems: dict[str, str]) -> None:
    assert flow in problems, "it did not run"
    assert not problems[flow], problems[flow]


@pytest.mark.parametrize(
    "attempt",
    ["import docker", "import docker.errors", "import socket; socket.socket()", "import socket; socket.getfqdn('a.b')"],
)
def test_what_is_refused_to_the_flows_is_refused(attempt: str) -> None:
    code = f"import alone; alone.refuse_docker_and_sockets(); {attempt}"
    done = subprocess.run([sys.executable, "-c", code], cwd=HERE, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Refused" in done.stderr
