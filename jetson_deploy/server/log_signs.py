"""Start, answer and failure in a text that may be a server's log, and what shows them."""

from __future__ import annotations

from typing import NamedTuple

import msgspec


class LogLines(NamedTuple):
    """What lines of one kind of server look like: regular expressions, searched for with `re.MULTILINE`."""

    own: str
    """No other program writes them."""
    start: str
    answer: str
    """A request for an answer went well."""
    failure: str


class LogSigns(msgspec.Struct, frozen=True, kw_only=True):
    """What a text shows of a server's life, apart from any known issue."""

    is_log: bool
    """Lines that this server writes."""
    start: str | None
    """The line of its last start."""
    answer: str | None
    """The line of the last request for an answer that went well."""
    failure: str | None
    """The first line that tells of a failure; a client that left is none."""
