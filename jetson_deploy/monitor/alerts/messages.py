"""Messages to sinks: one when an alert begins, one when it ends, none for a silenced alert."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

from jetson_deploy.monitor.alerts.firing import Change, Firing
from jetson_deploy.monitor.monitor import Latest
from jetson_deploy.monitor.sample import Sample

State = Literal["firing", "resolved", "test"]


class Message(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="jetson-deploy.alert/1"):
    state: State
    at: float
    """Wall clock, seconds since 1970."""
    host: str | None = None
    board: str | None = None
    simulated: str | None = None
    alert: Firing

    @property
    def headline(self) -> str:
        """`[critical] orin: thermal throttling`."""
        word = self.alert.severity if self.state == "firing" else self.state
        subject = f" ({self.alert.subject})" if self.alert.subject else ""
        host = f"{self.host}: " if self.host else ""
        mark = " (simulated)" if self.simulated else ""
        return f"[{word}] {host}{self.alert.title}{subject}{mark}"

    @property
    def line(self) -> str:
        return " ".join(part for part in (self.headline + ".", self.alert.cause, self.alert.fix) if part)

    @property
    def json(self) -> bytes:
        return msgspec.json.encode(self)


class NotificationLog:
    """What was sent: an alert is sent when its silence runs out, and an end only where the beginning was."""

    def __init__(self) -> None:
        self._sent: set[tuple[str, str]] = set()

    def messages(self, latest: Latest) -> Iterator[Message]:
        """Ends first."""
        for change in latest.changes:
            key = (change.alert.id, change.alert.subject)
            if change.state == "resolved" and key in self._sent:
                self._sent.discard(key)
                yield _message(latest.sample, change)
        for alert in latest.firing:
            key = (alert.id, alert.subject)
            if not alert.silenced and key not in self._sent:
                self._sent.add(key)
                yield _message(latest.sample, Change(at=latest.sample.at, state="firing", alert=alert))


def _message(sample: Sample, change: Change) -> Message:
    return Message(
        state=change.state,
        at=change.at,
        host=sample.identity.hostname,
        board=sample.identity.board,
        simulated=sample.simulated,
        alert=change.alert,
    )


def trial_message(at: float, host: str) -> Message:
    """Marked as a test wherever it arrives."""
    alert = Firing(
        id="test",
        severity="info",
        title="a test of this sink",
        cause="Requested by a test command; nothing is wrong.",
        fix="No action is needed.",
        since=at,
    )
    return Message(state="test", at=at, host=host, alert=alert)
