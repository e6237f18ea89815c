"""A firing alert as data, for screens, pages and sinks."""

from __future__ import annotations

from typing import Literal

import msgspec

Severity = Literal["info", "warning", "critical"]
SEVERITIES: tuple[Severity, ...] = ("critical", "warning", "info")
"""The worst first."""


class Firing(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    """The rule's: `thermal-near` …"""
    subject: str = ""
    """Which zone, rail, model …; empty where there is only one."""
    severity: Severity
    title: str
    """A few words: `close to thermal throttling`."""
    cause: str
    """A sentence with what was measured."""
    fix: str
    """A sentence with the command where there is one."""
    value: float | None = None
    since: float
    """Wall clock, when the condition began to hold."""
    silenced: bool = False


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """An alert began or ended: the only moments at which a message is sent."""

    at: float
    """Wall clock."""
    state: Literal["firing", "resolved"]
    alert: Firing
