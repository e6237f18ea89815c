"""Which lines of Ollama's access log are a client's request for the model's work."""

from __future__ import annotations

from pathlib import Path

import pytest

from jetson_deploy.server.ollama.access import GENERATE, tells_use
from jetson_deploy.server.opened import open_server

LOGS = Path(__file__).parent.parent / "monitor" / "data" / "llm"
LINE = '[GIN] 2026/01/01 - 00:00:09 | 200 |  1.2s |       127.0.0.1 | %s     "%s"'


@pytest.mark.parametrize(
    ("method", "path", "use"),
    [
        ("POST", "/api/generate", True),
        ("POST", "/api/chat", True),
        ("POST", "/v1/chat/completions", True),
        ("POST", "/api/embed?x=1", True),
        ("POST", GENERATE, False),
        ("POST", "/api/generate?x=1&by=jetson-deploy", False),
        ("POST", "/api/generate?by=jetson-deployment", True),
        ("POST", "/api/show", False),
        ("GET", "/api/ps", False),
        ("GET", "/api/tags", False),
        ("HEAD", "/", False),
    ],
)
def test_a_request_by_its_path(method: str, path: str, use: bool) -> None:
    assert tells_use(LINE % (method, path)) is use
    assert tells_use("\x1b[90m" + (LINE % (method, path)).replace("|", "\x1b[97;42m|\x1b[0m")) is use


def test_of_recorded_logs_those_lines_alone_are_use() -> None:
    found = {
        path.name: [line.split('"')[1] for line in path.read_text().splitlines() if open_server().tells_use(line)]
        for path in LOGS.glob("ollama-0.*.log")
    }
    assert found.pop("ollama-0.31.2.log") == []  # its requests were to /api/version, /, /api/tags and /api/show
    assert found
    assert all(paths == ["/api/generate", "/api/generate"] for paths in found.values()), found


@pytest.mark.parametrize("line", ["", "[GIN]", 'POST "/api/generate"', '[GIN] | POST "', "[GIN] listening"])
def test_any_other_line_is_none(line: str) -> None:
    assert not tells_use(line)
