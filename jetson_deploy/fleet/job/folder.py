"""The folder of a unit on the device, and what its files hold. Times are seconds since the boot: no clock is trusted.

wanted.json     settings and environment, given on standard input
request.yaml    the settings, as `up -f` reads them
before.json     what was deployed when the unit started
events.ndjson   a `Line` each, appended
stderr.txt      of runner and command
result.json     appears whole, once, at the end
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import msgspec

WANTED, REQUEST, BEFORE = "wanted.json", "request.yaml", "before.json"
EVENTS, STDERR, RESULT = "events.ndjson", "stderr.txt", "result.json"
HEARTBEAT_SECONDS = 5.0
STATE_DIRECTORY = "/var/lib/jetson-deploy"
STATE_VARIABLE = "JETSON_DEPLOY_STATE_DIR"
_MOST_BYTES = 1 << 50
"""Of what was fetched: a device may say any number."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    name: str = "default"
    """Of the deployment."""
    settings: dict[str, Any] | None = None
    environment: dict[str, str] = {}


class Before(msgspec.Struct, frozen=True, kw_only=True):
    """What the device had on record. None: nothing was deployed."""

    revision: int | None = None
    container: str | None = None
    problem: str = ""
    """Why the record could not be read: then nothing is known."""


class Fetched(msgspec.Struct, frozen=True, kw_only=True):
    """Of what came over the network, as the device saw it."""

    bytes: int
    seconds: float

    @property
    def rate(self) -> float | None:
        return min(self.bytes, _MOST_BYTES) / self.seconds if self.seconds > 0 else None


class JobResult(msgspec.Struct, frozen=True, kw_only=True):
    exit_code: int
    """128 + N where signal N ended it."""
    finished: dict[str, Any] | None = None
    """The command's own last event; None: it was ended before it could say it."""
    last: int = 0
    """Counter of the last event."""
    boot: str = ""
    seconds: float | None = None
    stopped: bool = False
    """The unit was asked to stop."""
    fetched: Fetched | None = None


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One of events.ndjson."""

    n: int
    boot: str = ""
    at: float | None = None
    event: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    heartbeat: float | msgspec.UnsetType = msgspec.UNSET
    result: JobResult | msgspec.UnsetType = msgspec.UNSET
    """Of the last line, which comes once the file of the result is there."""


def folder_of(unit: str, environment: dict[str, str]) -> PurePosixPath:
    return PurePosixPath(environment.get(STATE_VARIABLE) or STATE_DIRECTORY) / "fleet" / unit
