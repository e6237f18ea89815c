"""One conversation with a model, as text: its thinking apart, on a terminal that it is waited for."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TextIO

from jetson_deploy.cli.foreign import LineEnds, own
from jetson_deploy.cli.render import answer, colours, paint, say
from jetson_deploy.cli.streams import write
from jetson_deploy.errors import InterruptedRunError

if TYPE_CHECKING:
    from jetson_deploy.deploy.prompt_watch import PromptWatch
    from jetson_deploy.server.exchange import ChatPiece, Message, Stats, Think
    from jetson_deploy.server.port import ServerClient

WAITING = "waiting for the model…"
ERASE = own("erase")


class Talk:
    """One conversation: keeps the answers, not the thinking (DeepSeek's advice for R1)."""

    def __init__(
        self,
        client: ServerClient,
        model: str,
        max_tokens: int | None,
        *,
        hide_thinking: bool,
        quiet: bool = False,
        writer: Callable[[TextIO, str], None] = write,
        gate: Callable[[], str] = str,
        watch: PromptWatch | None = None,
        think: Think = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`gate`: asked before each prompt, it refuses, or says what could not be known."""
        self._client, self._model, self._max_tokens, self._hide = client, model, max_tokens, hide_thinking
        self._quiet, self._writer = quiet, writer
        self._gate, self._watch = gate, watch
        self._think, self._clock = think, clock
        self.first_token_seconds: float | None = None
        """Of the last answer, from the request to its first piece; None: none came."""
        self.notes: list[str] = []
        self._messages: list[Message] = []

    def pieces(self, prompt: str) -> Iterator[ChatPiece]:
        """Raises JetsonDeployError before anything is sent, where another server would get it."""
        from jetson_deploy.server.exchange import Message

        self._note(self._gate())
        self._messages.append(Message(role="user", content=prompt))
        asked = list(self._messages)
        return self._timed(self._client.chat(self._model, asked, think=self._think, max_tokens=self._max_tokens))

    def _timed(self, pieces: Iterator[ChatPiece]) -> Iterator[ChatPiece]:
        from jetson_deploy.server.exchange import Done

        self.first_token_seconds, begun = None, self._clock()
        for piece in pieces:
            if self.first_token_seconds is None and not isinstance(piece, Done):
                self.first_token_seconds = self._clock() - begun
            yield piece

    def note_cut(self, stats: Stats) -> None:
        """Of the last prompt."""
        if self._watch is not None:
            self._note(self._watch.judge(self._messages, stats))

    def _note(self, text: str) -> None:
        """What was said is not said again."""
        if text and text not in self.notes:
            self.notes.append(text)
            if not self._quiet:
                say(f"note: {text}")

    def remember(self, text: str) -> None:
        from jetson_deploy.server.exchange import Message

        self._messages.append(Message(role="assistant", content=text))

    def _visible(self, piece: ChatPiece) -> bool:
        from jetson_deploy.server.exchange import Thinking

        return not (self._hide and isinstance(piece, Thinking))

    def turn(self, prompt: str) -> int:
        """Stream one answer; returns the exit code. Ctrl-C ends the answer, and a conversation goes on."""
        from jetson_deploy.server.exchange import Answer, Done, Thinking

        shown, stats, code = "", None, 0
        page = Page(self._writer)
        try:
            for piece in awaited(self.pieces(prompt), wanted=not self._quiet, until=self._visible):
                if isinstance(piece, Thinking) and not self._hide:
                    page.think(piece.text)
                elif isinstance(piece, Answer):
                    text = piece.text if shown else piece.text.lstrip("\n")  # R1 leaves lines free after its thinking
                    page.answer(text)
                    shown += text
                elif isinstance(piece, Done):
                    stats = piece.stats
        except KeyboardInterrupt:
            page.end()
            say("stopped; the server goes on serving")
            code = InterruptedRunError.exit_code
        else:
            page.end()
        if stats is not None:
            self.note_cut(stats)
        self.remember(shown)
        if not self._quiet and stats is not None and stats.tokens_per_second is not None:
            first = self.first_token_seconds
            waited = f", the first after {first:.2f} s" if first is not None else ""
            say(f"{stats.tokens} tokens, {stats.tokens_per_second:.1f} tok/s{waited}")
        return code


def awaited(pieces: Iterator[ChatPiece], *, wanted: bool, until: Callable[[ChatPiece], bool]) -> Iterator[ChatPiece]:
    """The same pieces; a terminal shows on stderr that they are waited for, until the first that is visible."""
    waiting = wanted and colours(sys.stderr)
    if waiting:
        write(sys.stderr, WAITING)
    try:
        for piece in pieces:
            if waiting and until(piece):
                write(sys.stderr, ERASE)
                waiting = False
            yield piece
    finally:
        if waiting:
            write(sys.stderr, ERASE)


class Page:
    """What is shown of one answer on stdout."""

    def __init__(self, writer: Callable[[TextIO, str], None]) -> None:
        self._writer = writer
        self._thinking = False
        self._ends = LineEnds()

    def think(self, text: str) -> None:
        if not self._thinking:
            answer(paint("[thinking]", "yellow", sys.stdout))
        self._thinking = True
        write(sys.stdout, paint(self._ends.joined(text), "dim", sys.stdout))

    def answer(self, text: str) -> None:
        self._end_thinking()
        self._writer(sys.stdout, self._ends.joined(text))

    def end(self) -> None:
        self._end_thinking()
        self._writer(sys.stdout, self._ends.rest())
        answer("")

    def _end_thinking(self) -> None:
        if self._thinking:
            answer(self._ends.rest() + "\n" + paint("[answer]", "yellow", sys.stdout))
        self._thinking = False
