"""The lines of a rollout's record: what happened, each with a counter and the controller's own clock."""

from __future__ import annotations

import json
from typing import Literal, TypeAlias

import msgspec

from jetson_deploy.fleet.end_state import EndState
from jetson_deploy.fleet.rollout.batches import Batch
from jetson_deploy.fleet.rollout.sequence import Budget
from jetson_deploy.fleet.rollout.window import Window
from jetson_deploy.state.redact import redacted

SCHEMA = "jetson-deploy.rollout-record/1"
MOST_TEXT = 2000
"""Of a reason: a device must not fill the record."""

Result: TypeAlias = Literal["done", "stopped", "aborted"]


class Who(msgspec.Struct, frozen=True, kw_only=True):
    user: str
    host: str
    pid: int
    source: str | None = None
    """Address of the SSH client; None: not over SSH."""
    version: str = ""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What every device is asked for beside its own settings: what `resume` must go on with."""

    model: str | None = None
    accept_cpu: bool = False
    force: bool = False
    when_idle: float | None = None


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """Of one device. None: it was not seen."""

    bytes_per_second: float | None = None
    downtime_seconds: float | None = None
    tokens_per_second: float | None = None


class Line(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    n: int = -1
    at: str = ""
    """RFC 3339, for people; `n` is the order."""


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """By its own plan: nothing is started there, and it counts as failed in its batch."""

    device: str
    reason: str
    hint: str = ""
    code: str = ""


class Opened(Line, frozen=True, kw_only=True, tag="opened"):
    schema: str = SCHEMA
    id: str
    inventory: str
    """What `-i` is given to read it again."""
    asked: Asked = Asked()
    batches: tuple[Batch, ...]
    budget: Budget = Budget()
    groups: dict[str, str] = {}
    window: Window | None = None
    rollback_all: bool = False
    wishes: dict[str, str] = {}
    """Device → digest of what its inventory asks for: another one's wishes are not these."""
    refused: tuple[Refused, ...] = ()
    away: tuple[str, ...] = ()
    """Could not be reached when everything was read."""


class Taken(Line, frozen=True, kw_only=True, tag="taken"):
    """A controller began to work on it."""

    who: Who


class BatchStarted(Line, frozen=True, kw_only=True, tag="batch-started"):
    batch: int


class DeviceStarted(Line, frozen=True, kw_only=True, tag="device-started"):
    """Written before the device is asked for anything."""

    device: str


class NeverStarted(Line, frozen=True, kw_only=True, tag="never-started"):
    """The record had it begun; the device itself says that nothing was."""

    device: str


class DeviceServes(Line, frozen=True, kw_only=True, tag="device-serves"):
    """Changed, and proven by itself; its soak begins."""

    device: str
    measured: Measured = Measured()
    seconds: float | None = None


class DeviceEnded(Line, frozen=True, kw_only=True, tag="device-ended"):
    """A later one of the same device says what was learned since: the last one is its end state."""

    device: str
    state: EndState
    reason: str = ""
    hint: str = ""
    code: str = ""
    seconds: float | None = None
    measured: Measured = Measured()


class BatchJudged(Line, frozen=True, kw_only=True, tag="batch-judged"):
    batch: int
    passed: bool
    text: str


class Held(Line, frozen=True, kw_only=True, tag="held"):
    """No new device is started for now."""

    why: str


class WentOn(Line, frozen=True, kw_only=True, tag="went-on"):
    pass


class RollingBack(Line, frozen=True, kw_only=True, tag="rolling-back"):
    devices: tuple[str, ...]
    reason: str = ""


class Closed(Line, frozen=True, kw_only=True, tag="closed"):
    result: Result
    reason: str = ""


AnyLine: TypeAlias = (
    Opened
    | Taken
    | BatchStarted
    | DeviceStarted
    | NeverStarted
    | DeviceServes
    | DeviceEnded
    | BatchJudged
    | Held
    | WentOn
    | RollingBack
    | Closed
)

_DECODER = msgspec.json.Decoder(AnyLine)


def written(line: Line) -> bytes:
    """ASCII alone: whatever a device says, a terminal that the file is shown on obeys nothing of it."""
    return json.dumps(msgspec.to_builtins(line), ensure_ascii=True, separators=(",", ":")).encode() + b"\n"


def read_line(line: bytes) -> AnyLine:
    """Raises msgspec.MsgspecError."""
    found: AnyLine = _DECODER.decode(line)
    return found


def kept(text: str) -> str:
    """What a device says, for the record: one line without secrets, of a length that is read."""
    return redacted("", " ".join(text[: 4 * MOST_TEXT].split()))[:MOST_TEXT]
