"""One event as one line for people."""

from __future__ import annotations

import sys
from typing import Protocol

from jetson_deploy.cli.render import paint
from jetson_deploy.events import Event, Note, StepFinished, StepStarted, Verdict


def line_of(event: Event) -> str | None:
    """One line for people, or None where the event is not worth one."""
    if isinstance(event, StepStarted):
        return f"{event.step}: {event.text}"
    if isinstance(event, StepFinished):
        return f"  done in {event.seconds:.1f} s: {event.step}"
    if isinstance(event, Note):
        return f"{paint(event.level + ':', 'yellow', sys.stderr)} {event.text}"
    if isinstance(event, Verdict):
        return f"  {_mark(event)} {event.check}: {event.observed}" + expected(event)
    return None


def _mark(verdict: Verdict) -> str:
    """Words, so that no colour is needed to read it."""
    if verdict.passed is None:
        return paint("----", "yellow", sys.stderr)
    return paint("pass", "green", sys.stderr) if verdict.passed else paint("FAIL", "red", sys.stderr)


def expected(verdict: Verdict) -> str:
    return f" (expected: {verdict.expected})" if verdict.passed is False else ""


class EachEvent:
    """Every event that is worth a line, one by one."""

    under_way = ""

    def __call__(self, event: Event) -> list[str]:
        text = line_of(event)
        return [] if text is None else [text]

    def end(self) -> list[str]:
        return []


class Lines(Protocol):
    """Event → the lines that people are shown for it."""

    @property
    def under_way(self) -> str:
        """What is waited for, where a terminal can show it for as long as it lasts."""

    def __call__(self, event: Event) -> list[str]: ...

    def end(self) -> list[str]:
        """What is still to be said when nothing more comes."""
