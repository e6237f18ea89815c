"""`chat`: talk to the model; its thinking apart; tokens per second at the end. A pipe gets the answers alone."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from jetson_deploy.cli import candidates
from jetson_deploy.cli.finish import finish
from jetson_deploy.cli.options import CommonOptions, acting
from jetson_deploy.cli.raw import chosen_writer, may_be_raw
from jetson_deploy.cli.render import say
from jetson_deploy.cli.reporters import recover_first, tell_deployment
from jetson_deploy.cli.streams import write
from jetson_deploy.cli.talk import Talk
from jetson_deploy.endpoint import local_endpoint

if TYPE_CHECKING:
    from jetson_deploy.deployment.instance import Instance
    from jetson_deploy.runtime.port import Runtime
    from jetson_deploy.server.exchange import Think
    from jetson_deploy.server.port import Server
    from jetson_deploy.server.server_log import CutPrompt

CHAT_TIMEOUT_SECONDS = 900.0
THINK: dict[str, Think] = {"on": True, "off": False, "low": "low", "medium": "medium", "high": "high"}


@click.command("chat")
@click.argument("prompt", required=False)
@acting
@click.option("--max-tokens", type=click.IntRange(min=1), metavar="N", help="End an answer after N tokens.")
@click.option(
    "--think",
    default="on",
    show_default=True,
    metavar="HOW",
    shell_complete=candidates.of(tuple(THINK)),
    help="on, off, or a level that model and server know: low, medium, high.",
)
@click.option("--hide-thinking", is_flag=True, help="Show only the answer.")
@may_be_raw
def command(
    *, common: CommonOptions, prompt: str | None, max_tokens: int | None, think: str, hide_thinking: bool, raw: bool
) -> int:
    """Ask PROMPT and stream the answer; without PROMPT, a conversation. Ctrl-C stops the answer, not the server.

    Where standard output is no terminal, it gets the answer alone. Control characters of an answer are shown escaped.
    """
    from jetson_deploy.deploy.opened import runtime_of
    from jetson_deploy.deploy.status import find_deployment
    from jetson_deploy.server.opened import open_server

    writer = chosen_writer(common, raw=raw)
    wish = _think(think)
    recover_first(common)
    serving = find_deployment(common.root, common.settings, common.catalog(), common.name, "chat")
    tell_deployment(serving, common)
    hide = hide_thinking or not sys.stdout.isatty()
    talk = opened_talk(
        serving,
        runtime_of(common.settings, common.name),
        open_server(serving.record.server),
        max_tokens,
        hide_thinking=hide,
        think=wish,
        quiet=common.quiet,
        writer=writer,
    )
    programs = common.as_json or common.as_events
    if not prompt and not programs and sys.stdin.isatty():
        return _converse(talk)
    if programs:
        return _for_programs(talk, prompt or _piped(), serving, common)
    return talk.turn(prompt or _piped())


def _think(word: str) -> Think:
    """Raises UsageError."""
    from jetson_deploy.errors import UsageError

    if word.isdigit():
        raise UsageError(
            "no server here bounds thinking to a number of tokens: Ollama has no such field, and with the templates "
            "that llama.cpp is given it does not know where thinking ends",
            hint="--think off leaves it out; --max-tokens bounds the whole answer",
            code="think-not-possible",
        )
    if word not in THINK:
        raise UsageError(f"--think {word!r} is unknown", hint=f"one of {', '.join(THINK)}", code="usage")
    return THINK[word]


def opened_talk(serving: Instance, runtime: Runtime, server: Server, max_tokens: int | None, **of_talk: Any) -> Talk:
    """With the deployment: each prompt goes by way of its gate, and is watched for what the context cuts."""
    from jetson_deploy.deploy.port_gate import check_port
    from jetson_deploy.deploy.prompt_watch import LOG_LINES, PromptWatch

    record = serving.record
    client = server.client(local_endpoint(record.port).url, timeout=CHAT_TIMEOUT_SECONDS)

    def logged(read_tokens: int) -> CutPrompt | None:
        return server.cut_prompt(runtime.logs(serving.container, tail=LOG_LINES), read_tokens)

    return Talk(
        client,
        record.model,
        max_tokens,
        gate=lambda: check_port(runtime, serving.container, record.port),
        watch=PromptWatch(record.context_tokens, logged),
        **of_talk,
    )


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


def _converse(talk: Talk) -> int:
    """The exit code is that of the last answer."""
    say("an empty line or Ctrl-D ends the conversation; Ctrl-C stops an answer")
    code = 0
    while True:
        try:
            prompt = _asked()
        except (EOFError, KeyboardInterrupt):
            say("")
            return code
        if not prompt:
            return code
        code = talk.turn(prompt)


def _asked() -> str:
    if sys.stdout.isatty():
        return input("> ").strip()
    write(sys.stderr, "> ")  # Python would write it among the answers
    return input().strip()


def _for_programs(talk: Talk, prompt: str, serving: Instance, common: CommonOptions) -> int:
    from jetson_deploy.server.exchange import Answer, Done, Thinking

    thinking, text, stats = "", "", None
    for piece in talk.pieces(prompt):
        if isinstance(piece, Thinking):
            thinking += piece.text
        elif isinstance(piece, Answer):
            text += piece.text
        elif isinstance(piece, Done):
            stats = piece.stats
            talk.note_cut(stats)
    document = {
        "schema": "jetson-deploy.chat/1",
        "thinking": thinking,
        "answer": text,
        "tokens": stats.tokens if stats else None,
        "tokens_per_second": stats.tokens_per_second if stats else None,
        "first_token_seconds": talk.first_token_seconds,
        "prompt_tokens": stats.prompt_tokens if stats else None,
        "context_tokens": serving.record.context_tokens,
        "notes": talk.notes,
        "accept_cpu": serving.record.accept_cpu,
    }
    return finish(common, document, None, message=text, simulated=serving.record.simulated)
