"""The parts of a rehearsed rollout, carried out in order: how each ended, and how long it took."""

from __future__ import annotations

import shlex
import signal
import subprocess
import time
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from jetson_deploy.cli.finish import Form, finish
from jetson_deploy.cli.formatting import table
from jetson_deploy.cli.render import say
from jetson_deploy.rehearsal.controller import controller_environment
from jetson_deploy.rehearsal.fleet.kept_fleets import KeptFleet


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    exit_code: int
    expected: int
    seconds: float

    @property
    def good(self) -> bool:
        return self.exit_code == self.expected


class RehearsedFleet(Protocol):
    """Boards that are rolled out over: sets of namespaces, or emulated computers."""

    @property
    def count(self) -> int: ...

    @property
    def words(self) -> str: ...

    def start(self) -> None: ...

    def typed(self, verb: str, *arguments: str) -> list[str]: ...

    def variables(self) -> dict[str, str]: ...

    def keep(self) -> KeptFleet: ...

    def stop(self) -> None: ...


class FleetShow:
    def __init__(self, fleet: RehearsedFleet, form: Form, *, keep: bool) -> None:
        self._fleet, self._form, self._keep = fleet, form, keep
        self._quiet = form.as_json or form.as_events
        self._parts: list[Shown] = []

    def show(self, flow: Callable[[FleetShow], None]) -> int:
        """`flow` ends with the first part that does not end as it must."""
        from jetson_deploy.interrupts import shielded

        kept: dict[str, Any] = {}
        try:
            self.timed(f"boot {self._fleet.count} boards", self._fleet.start)
            flow(self)
            if self._keep and self._good:
                kept = msgspec.to_builtins(self._fleet.keep())
        finally:
            if not kept:
                with shielded():  # a second Ctrl-C does not cut it short: nothing may stay behind
                    self._fleet.stop()
        return self._end(kept)

    def timed(self, name: str, act: Callable[[], object]) -> None:
        started = time.monotonic()
        act()
        self._note(name, 0, 0, started)

    def verb(self, name: str, *arguments: str, expected: int = 0) -> bool:
        started, argv = time.monotonic(), self._typed(*arguments)
        done = subprocess.run(argv, env=self._environment(), capture_output=self._quiet, text=True, check=False)
        if self._quiet and done.returncode != expected:
            say(done.stderr.rstrip())
        return self._note(name, done.returncode, expected, started)

    def killed(self, name: str, *arguments: str) -> bool:
        """By SIGKILL, once the first device is proven. With one board there is nothing in the middle."""
        started, argv = time.monotonic(), self._typed(*arguments)
        with subprocess.Popen(argv, env=self._environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as run:
            for line in run.stderr or ():
                text = line.decode(errors="replace").rstrip()
                if not self._quiet:
                    say(text)
                if text.endswith(": proven") and self._fleet.count > 1:
                    run.kill()
                    break
        expected = -signal.SIGKILL if self._fleet.count > 1 else 0
        return self._note(name, run.returncode, expected, started)

    @property
    def _good(self) -> bool:
        return all(part.good for part in self._parts)

    def _typed(self, *arguments: str) -> list[str]:
        say(f"\n$ jetson-deploy fleet {shlex.join(arguments)}")
        return self._fleet.typed(*arguments)

    def _environment(self) -> dict[str, str]:
        return controller_environment(self._fleet.variables())

    def _note(self, name: str, code: int, expected: int, started: float) -> bool:
        seconds = round(time.monotonic() - started, 2)
        self._parts.append(Shown(name=name, exit_code=code, expected=expected, seconds=seconds))
        return code == expected

    def _end(self, kept: dict[str, Any]) -> int:
        code = 0 if self._good else 1
        parts = [msgspec.to_builtins(part) for part in self._parts]
        document = {"schema": "jetson-deploy.rehearsed-fleet/1", "exit_code": code, "parts": parts, **kept}
        result = "done" if code == 0 else "failed"
        finish(self._form, document, self._summary, code=code, result=result, simulated=self._fleet.words)
        if kept and not self._quiet:
            say("\nthe boards go on running; next:")
            for verb in ("hosts", "status", "top"):
                say(f"  {kept['jd']} fleet {verb}")
            say(f"end them with  jetson-deploy rehearse --stop {kept['id']}")
        return code

    def _summary(self) -> str:
        rows = [(part.name, f"{_how(part)}, {part.seconds:.1f} s") for part in self._parts]
        words = "every part ended as it must" if self._good else "a part did not end as it must"
        total = sum(part.seconds for part in self._parts)
        return f"{table(rows, '  ')}\nrehearsed fleet of {self._fleet.count}: {words}, {total:.1f} s"


def _how(part: Shown) -> str:
    if part.good:
        return "ok" if part.expected == 0 else f"exit {part.exit_code}, as it must"
    return f"exit {part.exit_code}, expected {part.expected}"
