"""`prepare` typed on a booted board, with the systemd and the Docker Engine of its own."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from jetson_deploy.rehearsal.fleet.fleet import Fleet

PREPARE = "env -u JETSON_DEPLOY_REHEARSAL jetson-deploy prepare"
SECONDS = 300.0
"""Two cores are shared with other tests' engines."""


class PreparedBoard:
    """A booted board, and `prepare` on it as on a board that is no rehearsal."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet, self.place = fleet, fleet.places[0]

    def sh(self, script: str) -> str:
        return self.fleet.ssh(self.place, script, seconds=SECONDS).stdout

    def put(self, path: str, text: str) -> None:
        script = f"mkdir -p {path.rpartition('/')[0]}; cat >{path}"
        self.fleet.inside(self.place, "sh", "-c", script, stdin=text)

    def prepare(self, words: str, code: int = 0) -> dict[str, Any]:
        done = self.fleet.ssh(self.place, f"{PREPARE} {words} --json; said=$?; echo; echo $said", seconds=SECONDS)
        document, _, said = done.stdout.strip().rpartition("\n")
        assert said == str(code), done.stdout + done.stderr
        found: dict[str, Any] = json.loads(document)
        return found


def until(holds: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.2)
