"""What a text shows of a server's life: that it is a log of one, a start, an answer, a failure."""

from __future__ import annotations

import re
from collections import deque

from jetson_deploy.catalog.symptoms import line_of
from jetson_deploy.server.log_signs import LogSigns

_LOG = (
    r"source=\w+\.go:\d+|\[GIN\] |^\S+ \S+ (routes|images|server|llama|payload)\.go:\d+: "
    r"|^(llama_|llm_load_|ggml_|load_tensors: |load_backend: |print_info: |srv +\w+: |slot +\w+: )"
)
_START = r"Listening on \S+ \(version|server is listening on|HTTP server (is )?listening"
_ANSWER = (
    r'\| 200 \|.*POST +"(/api/(generate|chat)|/v1/(chat/)?completions|/v1/(responses|messages))(\?[^"\s]*)?"'
    r"|eval time = .* tokens per second|done request: POST /(completion|v1/chat/completions)\S* \S+ 200"
)
_FAILURE = (
    r"level=ERROR|\| 5\d\d \||^(Error|error|panic|fatal error): |process (has terminated|no longer running)|GGML_ASSERT"
    r'|msg="(Load failed|NewLlamaServer failed|failed to (load|create|start)[^"]*)"|terminate called after|^Aborted'
    r"|exited with code [1-9]|Main process exited|failed to load model|unable to load model"
)
_CLIENT_LEFT = re.compile(r"context canceled|client connection closed|client closed|broken pipe|\| 499 \|")


def signs(text: str) -> LogSigns:
    failures = (match for match in _compiled(_FAILURE).finditer(text) if not _CLIENT_LEFT.search(_around(text, match)))
    failure = next(failures, None)
    return LogSigns(
        is_log=_compiled(_LOG).search(text) is not None,
        start=_last(text, _START),
        answer=_last(text, _ANSWER),
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
