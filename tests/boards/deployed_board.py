"""Virtual boards for these tests: booted, the tool brought by `fleet up`, a model deployed and proven there.

with deployed_boards() as run:
    board = Board(run, run.machines[0])
    board.must("up")
    board.serves()
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from collections.abc import Iterator
from typing import Any

from jetson_deploy.events import Event, Note
from jetson_deploy.rehearsal.virtual.machine import Machine
from jetson_deploy.rehearsal.virtual.run import VirtualRun

PATIENCE = 1800.0
"""For what takes a minute on an idle machine: emulated boards share two cores with whatever else runs here."""
UP = ("--yes", "--accept-cpu", "--soak", "1s", "--json")


@contextlib.contextmanager
def deployed_boards() -> Iterator[VirtualRun]:
    """Nothing is left behind."""
    with VirtualRun(report=said) as run:
        run.fill()
        done = run.fleet("up", *UP)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        yield run


def said(event: Event) -> None:
    if isinstance(event, Note):
        print(event.text, flush=True)


class Board:
    def __init__(self, run: VirtualRun, machine: Machine) -> None:
        self.run, self.machine = run, machine

    def tool(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return self.run.tool(self.machine, *arguments, seconds=PATIENCE, **variables)

    def must(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        done = self.tool(*arguments, **variables)
        assert done.returncode == 0, f"{arguments}: {done.returncode} {done.stdout[-2000:]} {done.stderr[-2000:]}"
        return done

    def serves(self) -> dict[str, Any]:
        """Without any act of ours: `status` once it says that all is well and nothing is unfinished."""
        deadline, seen = time.monotonic() + PATIENCE, ""
        while time.monotonic() < deadline:
            done = self.tool("status", "--json")
            if done.returncode == 0:
                document: dict[str, Any] = json.loads(done.stdout)
                if document["healthy"] and not document["unfinished"]:
                    return document
            seen = done.stdout[-1500:] + done.stderr[-1500:]
            time.sleep(2)
        raise AssertionError(f"it does not serve: {seen}")
