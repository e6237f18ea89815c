"""`chat`: talk to the model; its thinking apart; tokens per second at the end. A pipe gets the answers alone."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import click

from jetson_deploy.cli.finish import finish
from jetson_deploy.cli.options import CommonOptions, acting
from jetson_deploy.cli.render import answer, colours, paint, say
from jetson_deploy.cli.reporters import recover_first, tell_deployment
from jetson_deploy.cli.streams import write
from jetson_deploy.endpoint import local_endpoint

if TYPE_CHECKING:
    from jetson_deploy.deployment.instance import Instance
    from jetson_deploy.server.port import ChatPiece, Message, ServerClient

CHAT_TIMEOUT_SECONDS = 900.0
WAITING = "waiting for the model…"
ERASE = "\r\x1b[K"


@click.command("chat")
@click.argument("prompt", required=False)
@acting
@click.option("--max-tokens", type=click.IntRange(min=1), metavar="N", help="End an answer after N tokens.")
@click.option("--hide-thinking", is_flag=True, help="Show only the answer.")
def command(*, common: CommonOptions, prompt: str | None, max_tokens: int | None, hide_thinking: bool) -> int:
    """Ask PROMPT and stream the answer; without PROMPT, a conversation. Ctrl-C stops the answer, not the server.

    Where standard output is no terminal, it gets the answer alone.
    """
    from jetson_deploy.deploy.status import find_deployment
    from jetson_deploy.server.opened import open_server

    recover_first(common)
    serving = find_deployment(common.root, common.settings, common.catalog(), common.name, "chat")
    tell_deployment(serving, common)
    client = open_server().client(local_endpoint(serving.record.port).url, timeout=CHAT_TIMEOUT_SECONDS)
    hide = hide_thinking or not sys.stdout.isatty()
    talk = Talk(client, serving.record.model, max_tokens, hide_thinking=hide, quiet=common.quiet)
    programs = common.as_json or common.as_events
    if not prompt and not programs and sys.stdin.isatty():
        _converse(talk)
    elif programs:
        return _for_programs(talk, prompt or _piped(), serving, common)
    else:
        talk.turn(prompt or _piped())
    return 0


class Talk:
    """One conversation: keeps the answers, not the thinking (DeepSeek's advice for R1)."""

    def __init__(
        self, client: ServerClient, model: str, max_tokens: int | None, *, hide_thinking: bool, quiet: bool = False
    ) -> None:
        self._client, self._model, self._max_tokens, self._hide = client, model, max_tokens, hide_thinking
        self._quiet = quiet
        self._messages: list[Message] = []

    def pieces(self, prompt: str) -> Iterator[ChatPiece]:
        from jetson_deploy.server.port import Message

        self._messages.append(Message(role="user", content=prompt))
        return self._client.chat(self._model, list(self._messages), think=True, max_tokens=self._max_tokens)

    def remember(self, text: str) -> None:
        from jetson_deploy.server.port import Message

        self._messages.append(Message(role="assistant", content=text))

    def _visible(self, piece: ChatPiece) -> bool:
        from jetson_deploy.server.port import Thinking

        return not (self._hide and isinstance(piece, Thinking))

    def turn(self, prompt: str) -> None:
        """Stream one answer. Ctrl-C ends the answer and is not an error."""
        from jetson_deploy.server.port import Answer, Done, Thinking

        shown, thinking, stats = "", False, None
        try:
            for piece in awaited(self.pieces(prompt), wanted=not self._quiet, until=self._visible):
                if isinstance(piece, Thinking) and not self._hide:
                    thinking = _open_thinking(thinking)
                    _stream(piece.text, dim=True)
                elif isinstance(piece, Answer):
                    thinking = _close_thinking(thinking)
                    text = piece.text if shown else piece.text.lstrip("\n")  # R1 leaves lines free after its thinking
                    _stream(text, dim=False)
                    shown += text
                elif isinstance(piece, Done):
                    stats = piece.stats
            _close_thinking(thinking)
        except KeyboardInterrupt:
            answer("")
            say("stopped; the server goes on serving")
        else:
            answer("")
        self.remember(shown)
        if not self._quiet and stats is not None and stats.tokens_per_second is not None:
            say(f"{stats.tokens} tokens, {stats.tokens_per_second:.1f} tok/s")


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


def _open_thinking(already: bool) -> bool:
    if not already:
        answer(paint("[thinking]", "yellow", sys.stdout))
    return True


def _close_thinking(was: bool) -> bool:
    if was:
        answer("\n" + paint("[answer]", "yellow", sys.stdout))
    return False


def _stream(text: str, *, dim: bool) -> None:
    write(sys.stdout, click.style(text, dim=True) if dim and colours(sys.stdout) else text)


def _piped() -> str:
    """The prompt on standard input. Raises UsageError when there is none."""
    from jetson_deploy.errors import UsageError

    prompt = sys.stdin.buffer.read().decode(errors="replace").strip()
    if not prompt:
        raise UsageError(
            "no prompt: none given and standard input is empty",
            hint='jetson-deploy chat "…"',
            code="no-prompt",
        )
    return prompt


def _converse(talk: Talk) -> None:
    say("an empty line or Ctrl-D ends the conversation; Ctrl-C stops an answer")
    while True:
        try:
            prompt = _asked()
        except (EOFError, KeyboardInterrupt):
            say("")
            return
        if not prompt:
            return
        talk.turn(prompt)


def _asked() -> str:
    if sys.stdout.isatty():
        return input("> ").strip()
    write(sys.stderr, "> ")  # Python would write it among the answers
    return input().strip()


def _for_programs(talk: Talk, prompt: str, serving: Instance, common: CommonOptions) -> int:
    from jetson_deploy.server.port import Answer, Done, Thinking

    thinking, text, stats = "", "", None
    for piece in talk.pieces(prompt):
        if isinstance(piece, Thinking):
            thinking += piece.text
        elif isinstance(piece, Answer):
            text += piece.text
        elif isinstance(piece, Done):
            stats = piece.stats
    document = {
        "schema": "jetson-deploy.chat/1",
        "thinking": thinking,
        "answer": text,
        "tokens": stats.tokens if stats else None,
        "tokens_per_second": stats.tokens_per_second if stats else None,
        "accept_cpu": serving.record.accept_cpu,
    }
    return finish(common, document, None, message=text, simulated=serving.record.simulated)
