"""The recorded history of a deployment; no runtime is asked, nothing is changed."""

from __future__ import annotations

import msgspec

from jetson_deploy.deployment.diff import Changed, diff
from jetson_deploy.deployment.revisions import Intent, Line, Revision, State
from jetson_deploy.errors import UnhealthyError, UsageError
from jetson_deploy.events import Reporter
from jetson_deploy.settings import Settings
from jetson_deploy.state.directory import StateDirectory


class History(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="jetson-deploy.history/1"):
    deployment: str
    current: int | None
    previous: int | None
    attention: str | None
    intent: Intent | None
    """A change that has not ended: under way, or its run died."""
    revisions: tuple[Revision, ...]
    """Oldest first."""
    lines: tuple[Line, ...]
    """Oldest first."""


class Comparison(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="jetson-deploy.diff/1"):
    deployment: str
    before: int
    after: int
    changes: tuple[Changed, ...]


def read_history(settings: Settings, deployment: str, report: Reporter) -> History:
    """Raises UnhealthyError `no-record`, PreflightError `state-newer`, `state-not-readable`."""
    state = _state(settings, deployment, report)
    return History(
        deployment=deployment,
        current=state.current,
        previous=state.previous,
        attention=state.attention,
        intent=state.intent,
        revisions=state.revisions,
        lines=state.lines,
    )


def compare(settings: Settings, deployment: str, before: str, after: str, report: Reporter) -> Comparison:
    """`before`, `after`: a number, `current` or `previous`.

    Raises UsageError `no-such-revision`, and as `read_history`.
    """
    state = _state(settings, deployment, report)
    one, other = _named(state, before), _named(state, after)
    return Comparison(deployment=deployment, before=one.number, after=other.number, changes=diff(one, other))


def _state(settings: Settings, deployment: str, report: Reporter) -> State:
    state = StateDirectory(settings.state_dir, deployment).load(report)
    if state is None:
        raise UnhealthyError(
            f"nothing is on record of the deployment {deployment!r}",
            hint="jetson-deploy status shows the running deployment; sudo jetson-deploy recover rebuilds a lost record",
            code="no-record",
        )
    return state


def _named(state: State, text: str) -> Revision:
    words = {"current": state.current, "previous": state.previous}
    number = words[text] if text in words else _number(text)
    found = state.revision(number) if number is not None else None
    if found is None:
        there = ", ".join(str(r.number) for r in state.revisions) or "none"
        raise UsageError(f"there is no revision {text} on record", hint=f"on record: {there}", code="no-such-revision")
    return found


def _number(text: str) -> int | None:
    if text.isascii() and text.isdigit() and len(text) < 10:
        return int(text)
    raise UsageError(f"{ascii(text)[:60]} is no revision", hint="give a number, `current` or `previous`", code="usage")
