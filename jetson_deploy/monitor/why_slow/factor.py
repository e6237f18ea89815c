"""One factor, and whether it holds the model back."""

from __future__ import annotations

from typing import Literal

import msgspec

Verdict = Literal["holds-back", "fine", "unseen"]


class Factor(msgspec.Struct, frozen=True, kw_only=True):
    factor: str
    """`power-mode`, `clocks`, `heat` …"""
    verdict: Verdict
    evidence: str
    """What was measured; of `unseen` why it cannot be seen."""
    effect: str = ""
    """What it does to the speed, in words; of `holds-back`."""
    command: str = ""
    """The remedy: a command, or an action in words."""


def held(factor: str, evidence: str, effect: str, command: str) -> Factor:
    return Factor(factor=factor, verdict="holds-back", evidence=evidence, effect=effect, command=command)


def fine(factor: str, evidence: str) -> Factor:
    return Factor(factor=factor, verdict="fine", evidence=evidence)


def unseen(factor: str, why: str) -> Factor:
    return Factor(factor=factor, verdict="unseen", evidence=why)


class Report(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="jetson-deploy.why-slow/1"):
    model: str | None
    board: str | None
    seconds: float
    """Watched."""
    generating: bool | None
    """Tokens were made meanwhile; None: cannot be seen."""
    tokens_per_second: float | None
    """Measured while decoding."""
    expected_low: float | None
    expected_high: float | None
    """What such a board reaches with this model, as published; None: not known."""
    held_back: bool
    findings: tuple[Factor, ...]
    """What holds it back first, the worst before the others."""
    simulated: str | None = None
