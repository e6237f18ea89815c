"""What a chat shows: on a terminal that it waits, then thinking and answer; in a pipe the answer alone."""

from __future__ import annotations

import io
import itertools
import sys
from collections.abc import Iterator, Sequence
from typing import cast

import pytest

from jetson_deploy.cli.talk import WAITING, Talk
from jetson_deploy.server.exchange import Answer, ChatPiece, Done, Message, Stats, Thinking
from jetson_deploy.server.port import ServerClient

ERASE = "\r\x1b[K"
STATS = Stats(tokens=20, prompt_tokens=3, eval_seconds=2.0, load_seconds=None, total_seconds=None, done_reason="stop")
PIECES = (Thinking("hm"), Answer("An edge "), Answer("computer."), Done(STATS))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Client:
    """Notes how much stderr held when the first piece was asked for."""

    def __init__(self, pieces: Sequence[ChatPiece | BaseException]) -> None:
        self._pieces = pieces
        self.seen: list[str] = []
        self.messages: list[list[Message]] = []

    def chat(self, model: str, messages: list[Message], *, think: bool, max_tokens: int | None) -> Iterator[ChatPiece]:
        self.messages.append(messages)
        self.seen.append(cast(io.StringIO, sys.stderr).getvalue())
        for piece in self._pieces:
            if isinstance(piece, BaseException):
                raise piece
            yield piece


def talked(
    monkeypatch: pytest.MonkeyPatch,
    out: io.StringIO,
    err: io.StringIO,
    *,
    pieces: Sequence[ChatPiece | BaseException] = PIECES,
    hide: bool = False,
    quiet: bool = False,
) -> Client:
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    client = Client(pieces)
    ticks = itertools.count(step=0.5)
    Talk(cast(ServerClient, client), "m", None, hide_thinking=hide, quiet=quiet, clock=lambda: next(ticks)).turn("Hi")
    return client


def test_a_terminal_shows_that_it_waits_until_the_first_token(monkeypatch: pytest.MonkeyPatch) -> None:
    out, err = Terminal(), Terminal()
    client = talked(monkeypatch, out, err)
    assert client.seen == [WAITING]
    assert err.getvalue() == f"{WAITING}{ERASE}20 tokens, 10.0 tok/s, the first after 0.50 s\n"
    assert "hm" in out.getvalue() and out.getvalue().endswith("An edge computer.\n")


def test_it_goes_on_waiting_while_a_thinking_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    out, err = Terminal(), Terminal()
    talked(monkeypatch, out, err, hide=True, pieces=(Thinking("hm"), Done(STATS)))
    assert err.getvalue() == f"{WAITING}{ERASE}20 tokens, 10.0 tok/s, the first after 0.50 s\n"
    assert out.getvalue() == "\n"


@pytest.mark.parametrize("ends", [KeyboardInterrupt(), RuntimeError("gone")], ids=["Ctrl-C", "an error"])
def test_whatever_ends_it_takes_the_waiting_away(ends: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    err = Terminal()
    if isinstance(ends, KeyboardInterrupt):
        talked(monkeypatch, Terminal(), err, pieces=(ends,))
    else:
        with pytest.raises(RuntimeError, match="gone"):
            talked(monkeypatch, Terminal(), err, pieces=(ends,))
    assert err.getvalue().startswith(f"{WAITING}{ERASE}")


def test_a_pipe_gets_the_answer_alone_and_a_log_no_control_sequence(monkeypatch: pytest.MonkeyPatch) -> None:
    out, err = io.StringIO(), io.StringIO()
    talked(monkeypatch, out, err, hide=True)
    assert out.getvalue() == "An edge computer.\n"
    assert err.getvalue() == "20 tokens, 10.0 tok/s, the first after 0.50 s\n"


def test_the_empty_lines_between_thinking_and_answer_are_no_part_of_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    pieces = (Thinking("hm"), Answer("\n"), Answer("\nOne.\n"), Answer("\nTwo."), Done(STATS))
    talked(monkeypatch, out, io.StringIO(), hide=True, pieces=pieces)
    assert out.getvalue() == "One.\n\nTwo.\n"


def test_quiet_leaves_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    out, err = io.StringIO(), Terminal()
    talked(monkeypatch, out, err, hide=True, quiet=True)
    assert (out.getvalue(), err.getvalue()) == ("An edge computer.\n", "")
