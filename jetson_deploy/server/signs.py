"""What a text shows of a server's life: that it is a log of one, a start, an answer, a failure."""

from __future__ import annotations

import re
from collections import deque

from jetson_deploy.catalog.symptoms import line_of
from jetson_deploy.server.log_signs import LogSigns
from jetson_deploy.server.opened import open_server
from jetson_deploy.server_kinds import KINDS

_FAILURE = (
    r"^(Error|error|panic|fatal error): |terminate called after|^Aborted|exited with code [1-9]"
    r"|Main process exited"
)
"""As any program may end."""
_CLIENT_LEFT = re.compile(r"context canceled|client connection closed|client closed|broken pipe|\| 499 \|")


def signs(text: str) -> LogSigns:
    """Of a log of whichever server, or of any text."""
    lines = [open_server(kind).log_lines for kind in KINDS]
    failing = "|".join((*(one.failure for one in lines), _FAILURE))
    failures = (match for match in _compiled(failing).finditer(text) if not _CLIENT_LEFT.search(_around(text, match)))
    failure = next(failures, None)
    return LogSigns(
        is_log=_compiled("|".join(one.own for one in lines)).search(text) is not None,
        start=_last(text, "|".join(one.start for one in lines)),
        answer=_last(text, "|".join(one.answer for one in lines)),
        failure=line_of(text, failure) if failure else None,
    )


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.MULTILINE)


def _last(text: str, pattern: str) -> str | None:
    found = deque(_compiled(pattern).finditer(text), maxlen=1)
    return line_of(text, found[0]) if found else None


def _around(text: str, match: re.Match[str]) -> str:
    """Its line and the one before: the access log's 500 follows the line that tells why."""
    line = text.rfind("\n", 0, match.start())
    before = text.rfind("\n", 0, max(line, 0)) + 1
    end = text.find("\n", match.end())
    return text[before : end if end >= 0 else len(text)]
