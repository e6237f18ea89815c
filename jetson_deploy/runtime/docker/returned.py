"""An engine that came back after it was killed in the middle: what it refuses then, and what mends it.

Seen on Docker 20.10, killed at random moments of starts, stops and removals (tests/integration/test_engine_returns.py).
A start is refused for ever where containerd kept the container's task and the engine forgot it: stopping, killing and
waiting change nothing, a restart of the engine not always. Only another id is not taken: the container is made again,
with every setting that it has. What is refused for a moment only stands in `passing.py`.
"""

from __future__ import annotations

import http.client
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.runtime.docker.calls import Calls

AGAIN = "again-"
"""Before the name of one that is being made again: what stands at a name's end says something else."""
_ID_TAKEN = re.compile(
    r"task \w+: already exists"
    r"|container \"?\w+\"?: already exists"
    r"|id already in use"
    r"|container with id exists"
    r"|failed to start shim: mkdir \S+: file exists",
    re.IGNORECASE,
)


def started(calls: Calls, name: str, start: Callable[[str], object]) -> None:
    """`start` by its name; one whose id is taken for ever is made again before."""
    try:
        start(name)
    except JetsonDeployError as error:
        if not _ID_TAKEN.search(error.message):
            raise
        start(_Remaking(calls).remade(name))


class _Remaking:
    """Ended anywhere, one of the two is there with its labels, and neither of them starts by itself."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def remade(self, name: str) -> str:
        """Its name: `name` may be the id that is no more."""
        doing = f"making the container {name} again, whose id the engine holds as taken"
        found = self._calls.get(doing, f"/containers/{quote(name)}/json")
        if found is None:
            return name  # the next start says so
        own = str(found["Name"]).lstrip("/")
        twin = f"{AGAIN}{own}"
        self._remove(doing, twin)
        self._act(doing, "POST", f"/containers/create?name={quote(twin)}", creation(found))
        self._remove(doing, str(found["Id"]))
        self._act(doing, "POST", f"/containers/{quote(twin)}/rename?name={quote(own)}")
        self._act(
            doing, "POST", f"/containers/{quote(own)}/update", {"RestartPolicy": found["HostConfig"]["RestartPolicy"]}
        )
        return own

    def _remove(self, doing: str, name: str) -> None:
        path, gone = f"/containers/{quote(name)}?v=1&force=1", (http.client.NOT_FOUND,)
        self._calls.act(doing, "DELETE", path, seconds=self._calls.patience.remove, fine=gone)

    def _act(self, doing: str, method: str, path: str, body: object = None) -> None:
        self._calls.act(doing, method, path, body=body, seconds=self._calls.patience.change)


def creation(found: dict[str, Any]) -> dict[str, Any]:
    """The request that makes one like it, in the engine's own words; it does not start by itself."""
    own = {key: value for key, value in found["Config"].items() if key not in ("Hostname", "Domainname")}
    host = {**found["HostConfig"], "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0}}
    return {**own, "HostConfig": host}
