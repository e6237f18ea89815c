"""What comes from outside is shown escaped, before our styling is added, wherever a stream cuts it."""

from __future__ import annotations

import ast
import contextlib
import io
import json
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest

from jetson_deploy.cli import finish, logs
from jetson_deploy.cli.bars import LiveReporter
from jetson_deploy.cli.foreign import LineEnds, own, styled, visible
from jetson_deploy.cli.render import event_line, print_document, say
from jetson_deploy.cli.streams import write
from jetson_deploy.errors import UnhealthyError
from jetson_deploy.events import LogLine, Note, Progress, StepStarted

CLI = Path(finish.__file__).parent
CHANGES_DIRECTION = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
MARKS = "\u200e\u200f\u061c"
CRAFTED = {
    "title": "\x1b]0;owned\x07",
    "clear": "\x1b[2J\x1b[H",
    "clipboard": "\x1b]52;c;ZXZpbA==\x07",
    "colour": "\x1b[31mred\x1b[0m",
    "C1": "\x9b2J\x9d0;t\x9c",
    "bidi": "\u202eevil\u2066x\u2069",
    "over": "safe\rover",
    "ends nowhere": "\x1b]52;c;AAAA",
    "delete": "a\x7f\x08b",
}
MARKUP = "[red]no[/red] [link=http://x.invalid]colour[/link] :boom:"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _coloured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")


@contextlib.contextmanager
def on_a_terminal() -> Iterator[Terminal]:
    """Both streams."""
    screen = Terminal()
    with contextlib.redirect_stdout(screen), contextlib.redirect_stderr(screen):
        yield screen


def is_harmful(one: str) -> bool:
    return (
        (unicodedata.category(one) in ("Cc", "Cs") and one not in "\n\t")
        or unicodedata.bidirectional(one) in CHANGES_DIRECTION
        or one in MARKS
    )


def harmful_in(text: str) -> set[str]:
    return set(filter(is_harmful, text.replace("\r\n", "\n")))


def test_of_all_characters_those_that_control_a_terminal_or_the_direction_are_escaped_and_no_other() -> None:
    every = [chr(code) for code in range(0x110000)]
    changed = [one for one in every if visible(one) != one]
    assert changed == [*filter(is_harmful, every)] and len(changed) > 2100
    assert visible("größer 模型 🚀\n\tx") == "größer 模型 🚀\n\tx"


@pytest.mark.parametrize("text", CRAFTED.values(), ids=CRAFTED)
def test_it_is_shown_and_not_dropped(text: str) -> None:
    shown = visible(text)
    assert not harmful_in(shown)
    assert shown.encode().decode("unicode_escape") == text


@pytest.mark.parametrize("text", CRAFTED.values(), ids=CRAFTED)
@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_stream_may_cut_it_anywhere(text: str, size: int) -> None:
    data = f"{text}|{text}".encode()
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    with on_a_terminal() as screen:
        logs._show(logs._decoded(pieces), as_events=False)
    assert screen.getvalue() == visible(f"{text}|{text}")


def test_bytes_that_are_no_text_and_a_character_that_never_ends_are_shown_as_lost() -> None:
    with on_a_terminal() as screen:
        logs._show(logs._decoded([b"a\x9b2J", b"\xe2\x80"]), as_events=False)  # a raw C1, half of U+202E
    assert screen.getvalue() == "a\ufffd2J\ufffd"


def test_a_carriage_return_before_a_new_line_is_a_line_end_also_when_a_stream_cuts_between_them() -> None:
    ends = LineEnds()
    shown = [visible(ends.joined(piece)) for piece in ("one\r", "\ntwo\r", "three\r")]
    assert [*shown, visible(ends.rest())] == ["one", "\r\ntwo", r"\rthree", r"\r"]


def test_our_own_colour_stands_around_a_foreign_one_that_is_shown() -> None:
    assert visible(styled("a\x1b[31mb", "green")) == "\x1b[32ma\\x1b[31mb\x1b[0m"
    assert visible(own("erase")) == "\r\x1b[K"


@pytest.mark.parametrize("guess", ["\x1bred;", "\x1b0000000000000000red;", "red;"])
def test_nothing_from_outside_can_write_our_marks(guess: str) -> None:
    assert "\x1b" not in visible(guess)


@pytest.mark.parametrize("text", CRAFTED.values(), ids=CRAFTED)
def test_json_escapes_the_same_and_keeps_its_value(text: str) -> None:
    with on_a_terminal() as screen:
        print_document({"message": text, text: [text]})
        write(screen, event_line(LogLine(text=text)) + "\n")
    shown = screen.getvalue()
    document, line = shown[: shown.index("\n}\n") + 2], shown.splitlines()[-1]
    assert not harmful_in(shown)
    assert json.loads(document) == {"message": text, text: [text]}
    assert json.loads(line)["text"] == text


@pytest.mark.parametrize("text", CRAFTED.values(), ids=CRAFTED)
def test_an_error_that_quotes_it_has_our_colours_alone(text: str) -> None:
    error = UnhealthyError(f"it said {text}", hint=text, code="server-error", details=(text,))
    with on_a_terminal() as screen:
        finish.fail(error, as_json=False, as_events=False, verbose=True)
    left = screen.getvalue()
    for ours in ("\x1b[31merror:\x1b[0m", "\x1b[36mhint:\x1b[0m"):
        assert ours in left
        left = left.replace(ours, "")
    assert not harmful_in(left) and visible(text) in left


@pytest.mark.parametrize("text", [*CRAFTED.values(), MARKUP], ids=[*CRAFTED, "markup"])
def test_bars_and_what_is_waited_for_show_it_as_text(text: str) -> None:
    calm, shown = drawn("quiet words"), drawn(text)
    assert sequences(shown) <= sequences(calm)
    assert shown.count(visible(text).splitlines()[0][:12]) >= 3


def drawn(text: str) -> str:
    with on_a_terminal() as screen:
        reporter = LiveReporter(Waiting(text))
        reporter(Note(level="warning", text=text))
        reporter(StepStarted(step="stage-model", text=text))
        reporter(Progress(item=text, phase="fetch", done_bytes=1, total_bytes=2))
        reporter.close()
    return screen.getvalue()


def sequences(shown: str) -> set[str]:
    """What follows an escape character, without its numbers, and every other harmful character."""
    kinds = {rest[:1] + rest.lstrip("[?;0123456789")[:1] for rest in shown.split("\x1b")[1:]}
    return kinds | (harmful_in(shown) - {"\x1b", "\r"})


class Waiting:
    def __init__(self, text: str) -> None:
        self.under_way = text

    def __call__(self, event: object) -> list[str]:
        return [styled("note:", "yellow") + " " + getattr(event, "text", "")]

    def end(self) -> list[str]:
        return []


def test_say_shows_a_name_of_a_file_that_is_no_utf_8() -> None:
    with on_a_terminal() as screen:
        say("caf\udce9 \udc9b2J")
    assert screen.getvalue() == "caf\\udce9 \\udc9b2J\n"


FREE = {
    "streams.py": "the writer itself",
    "command_group.py": "click's own, with the names of our commands",
    "main.py": "the help",
    "bars.py": "rich, with every text through `visible`",
    "changed_lines.py": "what rich would, with texts of `live.py` and `top_views.py`",
    "live.py": "rich, with every text through `visible`",
    "top_views.py": "as `live.py`, with every text through `visible`",
    "agree.py": "a question whose words are ours",
    "rolling.py": "a line of a record, into its file",
    "trust.py": "a question whose words are ours, with a path through `cell`",
    "picture.py": "rich, with every text through `visible`",
    "keys.py": "a byte to another thread",
}
WRITES = {"write", "write_raw", "print", "echo", "secho", "confirm", "prompt", "progressbar", "Console", "writelines"}


def test_no_other_file_writes_by_itself() -> None:
    found = {
        file.name: f"{file.name}:{node.lineno}"
        for file in CLI.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and writes(node.func)
    }
    assert set(found) <= set(FREE), found


def writes(called: ast.expr) -> bool:
    """A method of a stream, of click or of rich; `write` as a plain name is ours."""
    if isinstance(called, ast.Attribute):
        return called.attr in WRITES
    return isinstance(called, ast.Name) and called.id in WRITES - {"write", "write_raw"}
