"""A line as the program wrote it: without colours, and without what journald, docker and compose put around it."""

from __future__ import annotations

import re
from typing import Any

import msgspec

_COLOURS = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-Z\\-_]")
_PREFIX = re.compile(
    r"""
      [\w.-]{1,64}\s+\|\s                                                  # compose: the container's name
    | \S{1,12}[ ]+\d{1,2}[ ]\d\d:\d\d:\d\d(?:\.\d+)?[ ]\S+[ ][^\s:\[]+(?:\[\d+\])?:[ ]    # journald, any language
    | \d{4}-\d\d-\d\dT[\d:.,]+(?:Z|[+-]\d\d:?\d\d)?[ ]\S+[ ][\w./@-]+\[\d+\]:[ ]          # journald -o short-iso
    | \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(?:Z|[+-]\d\d:\d\d)[ ](?:std(?:out|err)[ ][FP][ ])?  # docker logs -t
    """,
    re.VERBOSE,
)
_MOST_PREFIXES = 3
_KEYS = ("log", "MESSAGE", "error", "message", "msg")
"""docker's json-file driver, journald's json, the engine's answers and streams, wrappers around a server."""


def unwrapped(line: str) -> str:
    text = _COLOURS.sub("", line) if "\x1b" in line else line
    text = _inside(text) if text.lstrip().startswith("{") else text
    for _ in range(_MOST_PREFIXES):
        prefix = _PREFIX.match(text)
        if prefix is None:
            break
        text = text[prefix.end() :]
    return _inside(text) if text.startswith("{") else text


def _inside(text: str) -> str:
    """The text that a line of JSON carries; any other line as it is."""
    try:
        found = msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError):
        return text
    if not isinstance(found, dict):
        return text
    for key in _KEYS:
        said = _said(found.get(key))
        if said is not None:
            return _COLOURS.sub("", said).rstrip("\r\n")
    return text


def _said(value: Any) -> str | None:
    """journald writes bytes that are no text as a list of numbers."""
    if isinstance(value, list) and value and all(isinstance(one, int) and 0 <= one < 256 for one in value):
        return bytes(value).decode(errors="replace")
    return value if isinstance(value, str) and value else None
