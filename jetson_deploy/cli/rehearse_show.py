"""The parts of a rehearsal, carried out in order: how each ended, and how long it took."""

from __future__ import annotations

import json
import shlex
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import msgspec

from jetson_deploy.cli.finish import finish
from jetson_deploy.cli.formatting import table
from jetson_deploy.cli.render import answer, say
from jetson_deploy.events import Reporter
from jetson_deploy.rehearsal.kept import Kept

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


class Rehearsed(Protocol):
    """A board that is rehearsed on: captured, or a virtual one."""

    board: str

    @property
    def words(self) -> str: ...

    @property
    def store(self) -> Path: ...

    def start(self) -> None: ...

    def fill(self, model: str | None, report: Reporter) -> object: ...

    def run(self, *arguments: str, capture: bool = False) -> subprocess.CompletedProcess[str]: ...

    def stop(self) -> None: ...


class Show:
    """Runs the parts in order and tells how each ended."""

    def __init__(
        self,
        session: Rehearsed,
        report: Reporter,
        asked: Asked,
        *,
        first: str = "start engine and registry",
        kept: Callable[[], Kept] | None = None,
    ) -> None:
        """`first`: what the session's start is; `kept`: what says how it goes on, for --keep."""
        self._session, self._report, self._asked = session, report, asked
        self._first, self._kept = first, kept
        self._quiet = asked.as_json or asked.as_events
        self._parts: list[Part] = []
        self._up: dict[str, Any] = {}

    def rehearse(self) -> int:
        keep = False
        try:
            self._timed(self._first, self._start)
            self._timed("fill registry with stand-ins", self._fill)
            code = self._commands()
            keep = code == 0 and self._asked.keep
        finally:
            if not keep:
                self._stop()
        return self._end(code)

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
        kept = self._kept() if self._kept and self._asked.keep and code == 0 else None
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
