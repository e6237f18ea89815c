"""`fleet up` on boards that are as wanted already, against a playbook of docker_container and a generation."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

from benches.workplace import note, refuse
from jetson_deploy.rehearsal.fleet.fleet import Fleet

PACKAGE = "ansible<13"
"""It carries community.docker, which needs no other Python code on the controller than ansible-core's."""
_COLLECTIONS = ("community/docker/", "community/library_inventory_filtering_v1/")
_PROMPT = "Say in one short sentence what an edge computer is."


def collections(work: Path) -> Path:
    """community.docker, from the package index. Raises SystemExit where it cannot be had."""
    wheels, found = work / "wheels", work / "collections"
    note("fetching community.docker (50 MB)")
    argv = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(wheels), PACKAGE]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        raise refuse(f"community.docker could not be fetched: {said}", "the package index must be reachable by pip")
    with zipfile.ZipFile(next(wheels.glob("*.whl"))) as wheel:
        wanted = tuple(f"ansible_collections/{name}" for name in _COLLECTIONS)
        wheel.extractall(found, [name for name in wheel.namelist() if name.startswith(wanted)])
    return found


def playbook(rehearsed: Fleet) -> list[dict[str, Any]]:
    """What somebody would write for the container that serves there. No facts are gathered."""
    container = _serving(rehearsed)
    config, host = container["Config"], container["HostConfig"]
    server = {
        "name": container["Name"].lstrip("/"),
        "image": config["Image"],
        "state": "started",
        "entrypoint": config["Entrypoint"],
        "command": config["Cmd"],
        "env": {key: value for key, _, value in (line.partition("=") for line in config["Env"]) if key != "PATH"},
        "network_mode": host["NetworkMode"],
        "restart_policy": host["RestartPolicy"]["Name"],
        "runtime": host["Runtime"],
        "mounts": [
            {"type": one["Type"], "source": one["Source"], "target": one["Target"], "read_only": one["ReadOnly"]}
            for one in host["Mounts"]
        ],
    }
    question = {
        "url": "http://127.0.0.1:11434/api/generate",
        "method": "POST",
        "body_format": "json",
        "body": {
            "model": config["Labels"]["io.jetson-deploy.model"],
            "prompt": _PROMPT,
            "stream": False,
            "options": {"num_predict": 2},
        },
        "return_content": True,
        "timeout": 300,
    }
    tasks = [
        {"name": "the container", "community.docker.docker_container": server},
        {
            "name": "the model answers",
            "ansible.builtin.uri": question,
            "register": "answer",
            "failed_when": "answer.status != 200 or not answer.json.done",
        },
    ]
    return [{"hosts": "all", "gather_facts": False, "tasks": tasks}]


def _serving(rehearsed: Fleet) -> dict[str, Any]:
    found = _engine(rehearsed, "/containers/json?all=1")
    one = next(container for container in found if container["State"] == "running")
    inspected: dict[str, Any] = _engine(rehearsed, f"/containers/{one['Id']}/json")
    return inspected


def _engine(rehearsed: Fleet, path: str) -> Any:
    argv = ("curl", "-sf", "--unix-socket", "/run/docker.sock", f"http://d{path}")
    return json.loads(rehearsed.inside(rehearsed.places[0], *argv))


def check_unchanged(argv: list[str], environment: dict[str, str]) -> None:
    """A playbook that would change something measures something else. Raises SystemExit."""
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0 or "changed=0" not in done.stdout:
        raise SystemExit(f"the playbook does not find the board as wanted:\n{(done.stdout + done.stderr)[-3000:]}")
