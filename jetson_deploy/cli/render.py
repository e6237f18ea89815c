"""Text for people and documents for programs. stdout is the answer, stderr the narration."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Any

import msgspec

from jetson_deploy.cli.foreign import styled
from jetson_deploy.cli.streams import ReaderGone, quietly, write


def colours(stream: Any) -> bool:
    """Colour only on a terminal, and never with NO_COLOR (no-color.org)."""
    return bool(stream.isatty()) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def paint(text: str, colour: str, stream: Any) -> str:
    return styled(text, colour) if colours(stream) else text


def say(text: str) -> None:
    """One line of narration on stderr. Without a reader nothing happens."""
    quietly(lambda: write(sys.stderr, text + "\n"))


def answer(text: str) -> None:
    """The answer, on stdout; one write, so that lines of two threads stay whole.

    A reader that went away (`| head`) loses nothing, and a command keeps its exit code. Raises ResourceError.
    """
    with contextlib.suppress(ReaderGone):
        write(sys.stdout, text + "\n")


def print_document(document: Any) -> None:
    """One JSON document on stdout."""
    answer(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())


def print_event(event: Any) -> None:
    """One NDJSON line on stdout."""
    answer(event_line(event))


def event_line(event: Any) -> str:
    return msgspec.json.encode(event).decode()
