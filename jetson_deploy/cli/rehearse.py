"""`rehearse`: the whole flow on a simulated board, with real engine, registry, Ollama and tokens."""

from __future__ import annotations

import json
import shlex
import subprocess
import time
from typing import TYPE_CHECKING, Any

import click
import msgspec

from jetson_deploy.cli import candidates
from jetson_deploy.cli.finish import finish
from jetson_deploy.cli.formatting import table
from jetson_deploy.cli.render import answer, print_event, say
from jetson_deploy.cli.reporters import PlainReporter
from jetson_deploy.cli.streams import unfailing
from jetson_deploy.errors import UsageError
from jetson_deploy.events import Reporter

if TYPE_CHECKING:
    from jetson_deploy.rehearsal.session import Session

PROMPT = "Say in one short sentence what an edge computer is."
CHAT_TOKENS = 120  # so small a model may never end its answer


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    model: str | None
    keep: bool
    as_json: bool
    as_events: bool
    verbose: bool


class Part(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    exit_code: int
    seconds: float


@click.command("rehearse")
@click.argument("board", required=False, shell_complete=candidates.boards)
@click.option("--model", metavar="MODEL", help="Model to deploy; default: the one that the plan picks.")
@click.option("--keep", is_flag=True, help="Keep the deployment running at the end.")
@click.option(
    "--fault",
    "fault_name",
    metavar="NAME",
    shell_complete=candidates.faults,
    help="Inject one fault; exit 0 when it was handled as promised.",
)
@click.option(
    "--fleet",
    "count",
    type=click.IntRange(min=1),
    metavar="N",
    help="Boot N boards and roll out over them: a failing canary, a killed controller, a resume.",
)
@click.option("--list", "list_only", is_flag=True, help="List the boards and faults.")
@click.option("--stop", "stop_id", metavar="ID", help="Stop a running rehearsal (`all`: every one).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
@click.option("--events", "as_events", is_flag=True, help="Print NDJSON events on stdout; the last is `finished`.")
@click.option("-v", "--verbose", is_flag=True, help="Show every detail.")
def command(
    *,
    board: str | None,
    model: str | None,
    keep: bool,
    fault_name: str | None,
    count: int | None,
    list_only: bool,
    stop_id: str | None,
    as_json: bool,
    as_events: bool,
    verbose: bool,
) -> int:
    """Run detect, plan, up, status, chat and down on a captured BOARD, with real parts started for it.

    Simulated: the board and its memory, and the weights (SmolLM2, 98 MB). There is no GPU, so the rehearsal
    accepts the CPU, and says so. Needs root; Docker Engine and registry run in a network namespace of their own.
    """
    asked = Asked(model=model, keep=keep, as_json=as_json, as_events=as_events, verbose=verbose)
    if list_only or stop_id:
        from jetson_deploy.cli.rehearsals import show_all, stop

        return stop(stop_id, asked) if stop_id and not list_only else show_all(asked)
    if count is not None:
        from jetson_deploy.cli.rehearse_fleet import rehearse_fleet

        if model or fault_name:
            raise UsageError(
                "--fleet shows its own faults, on the model that is planned for the board",
                hint="leave out --model and --fault",
                code="not-with-fleet",
            )
        return rehearse_fleet(count, board, asked, keep=keep)
    from jetson_deploy.rehearsal.board import DEFAULT_BOARD, find_board
    from jetson_deploy.rehearsal.session import Session

    board = board or DEFAULT_BOARD
    session = Session(board, find_board(board))
    report = unfailing(print_event if as_events else PlainReporter(timed=True))
    say(f"simulated: {session.words}")
    say("real: Docker Engine, registry, Ollama, tokens")
    show = Show(session, report, asked)
    if fault_name:
        return show.fault(fault_name)
    return show.rehearse()


class Show:
    """Runs the parts in order and tells how each ended."""

    def __init__(self, session: Session, report: Reporter, asked: Asked) -> None:
        self._session, self._report, self._asked = session, report, asked
        self._quiet = asked.as_json or asked.as_events
        self._parts: list[Part] = []
        self._up: dict[str, Any] = {}

    def rehearse(self) -> int:
        keep = False
        try:
            self._timed("start engine and registry", self._start)
            self._timed("fill registry with stand-ins", self._fill)
            code = self._commands()
            keep = code == 0 and self._asked.keep
        finally:
            if not keep:
                self._stop()
        return self._end(code)

    def fault(self, name: str) -> int:
        from jetson_deploy.rehearsal.faults import find_fault, show_fault

        fault = find_fault(name)
        try:
            self._session.start()
            handled = show_fault(self._session, fault, self._asked.model, self._report)
        finally:
            self._stop()
        code = 0 if handled else 1
        text = f"fault {name}: {'handled as promised' if handled else 'NOT handled as promised'}"
        document = {"schema": "jetson-deploy.fault/1", "fault": name, "handled": handled}
        result, simulated = "handled" if handled else "not-handled", self._session.words
        return finish(self._asked, document, lambda: text, code=code, result=result, message=text, simulated=simulated)

    def _commands(self) -> int:
        store = ("--store", str(self._session.store))
        model = (self._asked.model,) if self._asked.model else ()
        flow: list[tuple[str, tuple[str, ...]]] = [
            ("detect", ("detect", *store)),
            ("plan", ("plan", *model, *store, "--accept-cpu")),
            ("up", ("up", *model, *store, "--accept-cpu")),
            ("up again", ("up",)),
            ("status", ("status",)),
            ("chat", ("chat", "--max-tokens", str(CHAT_TOKENS), PROMPT)),
            ("monitor", ("monitor", "--once")),
        ]
        if not self._asked.keep:
            flow.append(("down", ("down", "--purge")))
        for name, arguments in flow:
            code = self._verb(name, arguments)
            if code != 0:
                return code
        return 0

    def _verb(self, name: str, arguments: tuple[str, ...]) -> int:
        say(f"\n$ jetson-deploy {shlex.join(arguments)}")
        started = time.monotonic()
        judged = name == "up again"
        flags = ("--json",) if self._quiet else ("-v",) if self._asked.verbose else ()
        done = self._session.run(*arguments, *flags, capture=judged or self._quiet)
        code = self._nothing_changed(done) if judged else done.returncode
        if name == "up" and self._quiet:
            self._up = _document(done)
        if self._quiet and done.returncode != 0:
            say(done.stderr.rstrip())
        self._parts.append(Part(name=name, exit_code=code, seconds=round(time.monotonic() - started, 2)))
        return code

    def _nothing_changed(self, done: subprocess.CompletedProcess[str]) -> int:
        if not self._quiet:
            say(done.stderr.rstrip())
            answer(done.stdout.rstrip())
        if done.returncode != 0:
            return done.returncode
        unchanged = "no-changes" if self._quiet else "no changes"
        return 0 if unchanged in done.stdout else 1

    def _stop(self) -> None:
        """A second Ctrl-C does not cut it short: nothing may stay behind."""
        from jetson_deploy.interrupts import shielded

        with shielded():
            self._session.stop()

    def _start(self) -> None:
        self._session.start()

    def _fill(self) -> None:
        self._session.fill(self._asked.model, self._report)

    def _timed(self, name: str, act: Any) -> None:
        started = time.monotonic()
        act()
        self._parts.append(Part(name=name, exit_code=0, seconds=round(time.monotonic() - started, 2)))

    def _end(self, code: int) -> int:
        kept = self._session.kept() if self._asked.keep and code == 0 else None
        extra = {**msgspec.to_builtins(kept), **_named(self._up)} if kept else {}
        parts = [msgspec.to_builtins(p) for p in self._parts]
        document = {"schema": "jetson-deploy.rehearsal/1", "exit_code": code, "parts": parts, **extra}
        if not self._quiet:
            say("")
        result, simulated = "done" if code == 0 else "failed", self._session.words
        finish(self._asked, document, lambda: self._summary(code), code=code, result=result, simulated=simulated)
        if kept is not None and not self._quiet:
            say("\nit goes on running; next:")
            for command_ in ("status", "chat", "monitor"):
                say(f"  {kept.jd} {command_}")
            say(f"end it with  jetson-deploy rehearse --stop {kept.id}")
        return code

    def _summary(self, code: int) -> str:
        rows = [
            (p.name, f"{'ok' if p.exit_code == 0 else f'exit {p.exit_code}'}, {p.seconds:.1f} s") for p in self._parts
        ]
        total = sum(p.seconds for p in self._parts)
        words = "every part passed" if code == 0 else f"failed with exit code {code}"
        last = f"rehearsal on {self._session.board}: {words}, {total:.1f} s"
        return f"{table(rows, '  ')}\n{last}"


def _document(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        return {}
    return document


def _named(up: dict[str, Any]) -> dict[str, Any]:
    return {key: up.get(key) for key in ("container", "model", "image", "endpoint", "tokens_per_second")}
