"""Start, answer and failure in a text that may be a server's log."""

from __future__ import annotations

import msgspec


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
