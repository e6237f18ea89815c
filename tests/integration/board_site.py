"""Rollouts over rehearsed boards: an inventory that asks for one context after the other, and what became of them."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fleet_boards import controller, controller_argv, controller_environment

from jetson_deploy.fleet.rollout.kept import ids
from jetson_deploy.fleet.rollout.record import FILE
from jetson_deploy.rehearsal.fleet.fleet import Fleet
from jetson_deploy.rehearsal.fleet.layout import Place
from jetson_deploy.state.directory import StateDirectory

BEHAVIOUR = "/etc/rehearsal/server.json"
SECONDS = 240.0
"""Two cores are shared with other tests' boards."""


class Site:
    """The boards, and an inventory that asks for one context after the other."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet, self.names = fleet, [place.name for place in fleet.places]
        self._inventory: dict[str, Any] = json.loads(fleet.inventory.read_text())

    def ask(self, context: int, *, model: str | None = None, **rollout: object) -> None:
        """`model`: the one that the product picks, where None."""
        settings = {"context": context} | ({"model": model} if model else {})
        self._inventory["groups"]["all"]["settings"] = settings
        self._inventory["rollout"] = {"soak": 0.2, **rollout}
        self.fleet.inventory.write_text(json.dumps(self._inventory))

    def host(self, name: str, **entry: object) -> None:
        """Of the inventory, when it is written next."""
        self._inventory["hosts"][name].update(entry)

    def environment(self, **variables: str) -> None:
        """Of all, when it is written next."""
        self._inventory["groups"]["all"]["environment"].update(variables)

    def spoil(self, name: str, context: int) -> None:
        """A server with this context answers rubbish there."""
        wrong = {"rubbish": True, "when": {"OLLAMA_CONTEXT_LENGTH": str(context)}}
        self.behave(name, wrong)

    def behave(self, name: str, behaviour: dict[str, Any]) -> None:
        """Of its server: see stand_in/light_server.py."""
        self.fleet.inside(self.place(name), "tee", BEHAVIOUR, stdin=json.dumps(behaviour))

    def where(self) -> tuple[str, ...]:
        return ("-i", str(self.fleet.inventory), "--ssh-config", str(self.fleet.ssh_config))

    def typed(self, *words: str) -> tuple[int, dict[str, Any]]:
        done = controller(self.fleet, "fleet", *words, *self.where(), "--json", seconds=SECONDS)
        assert done.stdout, done.stderr
        document: dict[str, Any] = json.loads(done.stdout)
        return done.returncode, document

    @contextlib.contextmanager
    def working(self, *words: str) -> Iterator[subprocess.Popen[bytes]]:
        """A controller that is at work in the block, and is ended behind it."""
        argv = controller_argv(self.fleet, "fleet", *words, *self.where(), "--json")
        with subprocess.Popen(
            argv, env=controller_environment(self.fleet), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def record(self) -> Path:
        directory = Path(controller_environment(self.fleet)["JETSON_DEPLOY_FLEET_DIR"])
        return directory / ids(directory)[-1] / FILE

    def wait_for(self, before: int, kind: str, device: str | None = None, lines: int = 1) -> None:
        """So many lines in the record of the rollout that comes after `before` others."""
        directory = Path(controller_environment(self.fleet)["JETSON_DEPLOY_FLEET_DIR"])
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            if len(ids(directory)) > before:
                read = map(json.loads, self.record().read_bytes().split(b"\n")[:-1])
                if sum(line["kind"] == kind and line.get("device") == device for line in read) >= lines:
                    return
            time.sleep(0.02)
        pytest.fail(f"no {kind} of {device} in time")

    def count(self) -> int:
        return len(ids(Path(controller_environment(self.fleet)["JETSON_DEPLOY_FLEET_DIR"])))

    def serving(self, name: str) -> tuple[int, int]:
        """Context and revision, by the board's own word."""
        done = self.fleet.ssh(self.place(name), "jetson-deploy status --json")
        status = json.loads(done.stdout)
        assert status["healthy"], done.stdout
        return status["context_tokens"], status["revision"]

    def recorded(self, name: str) -> tuple[int, int]:
        """The same by the board's own record, seen from here."""
        state = StateDirectory(self.fleet.files(self.place(name)) / "var/lib/jetson-deploy", "default").load()
        assert state is not None
        current = state.revision(state.current)
        assert current is not None
        return current.context_tokens, current.number

    def place(self, name: str) -> Place:
        return next(place for place in self.fleet.places if place.name == name)


def states(document: dict[str, Any]) -> dict[str, str]:
    return {one["device"]: one["state"] for one in document["devices"]}
