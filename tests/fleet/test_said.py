from __future__ import annotations

import pytest

from jetson_deploy.fleet.said import last_line

LINES = {
    "the last that is not empty": (b"one\ntwo\n\n \n", "two"),
    "nothing": (b"\n\n", ""),
    "letters of any language stay": ("Datei für später\n".encode(), "Datei für später"),
    "an escape sequence": (b"a\x1b[2Jb", "a\\x1b[2Jb"),
    "a carriage return before": (b"harmless\rrm -rf", "rm -rf"),
    "an order of reading": ("a\u202eb".encode(), "a\\u202eb"),
    "what is no text": (b"a\xffb", "a\ufffdb"),
    "more than a message takes": (b"x" * 1000, "x" * 300),
}


@pytest.mark.parametrize("name", LINES)
def test_the_last_line_that_a_device_said_acts_on_no_terminal(name: str) -> None:
    said, line = LINES[name]
    assert last_line(said) == line
