"""What a report says of itself."""

from __future__ import annotations

import msgspec


class Report(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="jetson-deploy.report/1"):
    """`report.json` inside, and the answer of the command."""

    version: str
    """Of jetson-deploy."""
    root: str
    """Directory that was looked at; `/`: this machine."""
    deployment: str
    simulated: str | None = None
    blocked: bool | None = None
    """Something keeps a deployment from being made or from serving; None: the checks themselves failed."""
    parts: tuple[str, ...] = ()
    """Files inside, below its folder; those of the captured root together as `root/`."""
    left_out: tuple[str, ...] = ()
    """What could not be had, each with its reason."""
    withheld: tuple[str, ...] = ()
    """What is left out of every captured root."""
    redactions: dict[str, int] = {}
    """Kind → how many were replaced."""


class Written(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="jetson-deploy.report-written/1"):
    """The answer of the command."""

    file: str
    """`-`: standard output."""
    size_bytes: int
    report: Report
