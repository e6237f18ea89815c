"""Events of a command, as data. Each command's package emits them; `cli/` renders them.

Every event is one NDJSON line of `--events`: `{"event": "...", ...}`; the last is always `finished`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import msgspec


class Event(msgspec.Struct, frozen=True, tag_field="event", kw_only=True):
    """Base of all events."""


class StepStarted(Event, frozen=True, tag="step-started", kw_only=True):
    step: str
    """The step's kind, e.g. `stage-image`."""
    text: str
    """The same for people, e.g. `staging image dustynv/ollama:…`."""


class StepFinished(Event, frozen=True, tag="step-finished", kw_only=True):
    step: str
    text: str
    seconds: float


class Progress(Event, frozen=True, tag="progress", kw_only=True):
    """Bytes of one thing being staged. `total_bytes` is None while the size is unknown."""

    item: str
    done_bytes: int
    total_bytes: int | None
    phase: str = "fetching"


class Note(Event, frozen=True, tag="note", kw_only=True):
    """Something a person should read that is neither a step nor an error."""

    level: Literal["info", "warning", "simulated"]
    text: str


class Verdict(Event, frozen=True, tag="verdict", kw_only=True):
    """One question asked of a running deployment, and its answer.

    `passed` is None when the question could not be judged (and `observed` says why).
    """

    check: str
    passed: bool | None
    observed: str
    expected: str
    hint: str = ""
    seconds: float = 0.0
    issue: str | msgspec.UnsetType = msgspec.UNSET
    """Id of the known issue that explains a failure; left out: the server's log may tell."""


class Noticed(Event, frozen=True, tag="noticed", kw_only=True):
    """`watch` found something. `fault` names its kind; `cause` is a known issue's id, None: none fits."""

    fault: str
    text: str
    hint: str = ""
    cause: str | None = None


class Healed(Event, frozen=True, tag="healed", kw_only=True):
    """`watch` did something about it, or gave up; `action` is the result of its line in the history."""

    action: str
    text: str


class LogLine(Event, frozen=True, tag="log", kw_only=True):
    """One line of the server's log."""

    text: str


class Finished(Event, frozen=True, tag="finished", kw_only=True):
    exit_code: int
    result: str
    """`done`, `no-changes`, or the error's `code`."""
    message: str = ""
    hint: str = ""
    document: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    """What --json prints, of an error too. Not there where a command streams and has no --json."""


AnyEvent: TypeAlias = StepStarted | StepFinished | Progress | Note | Verdict | Noticed | Healed | LogLine | Finished
"""Everything that a line of `--events` can be."""


def read_event(line: bytes) -> AnyEvent | None:
    """One line of another run's `--events`. None: no event of ours, or one of a newer version."""
    try:
        event: AnyEvent = _DECODER.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return event


_DECODER = msgspec.json.Decoder(AnyEvent)

Reporter: TypeAlias = Callable[[Event], None]
"""Where a command's engine sends its events. Must be safe to call from several threads."""


def silent(event: Event) -> None:
    """A reporter for callers that only want the return value."""
