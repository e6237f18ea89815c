"""`rehearse --fleet N`: a rollout over rehearsed boards: a canary that fails, a controller that is killed, a resume."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Any

import msgspec

from jetson_deploy.cli.finish import Form, finish
from jetson_deploy.cli.formatting import table
from jetson_deploy.cli.render import print_event, say
from jetson_deploy.cli.reporters import PlainReporter
from jetson_deploy.cli.streams import unfailing

if TYPE_CHECKING:
    from jetson_deploy.rehearsal.fleet.fleet import Fleet

_CONTEXT = 2048
"""What the rollout changes on every board."""
_UP = ("up", "--yes", "--soak", "1s")


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    exit_code: int
    expected: int
    seconds: float

    @property
    def good(self) -> bool:
        return self.exit_code == self.expected


def rehearse_fleet(count: int, board: str | None, form: Form, *, keep: bool) -> int:
    from jetson_deploy.interrupts import shielded
    from jetson_deploy.rehearsal.board import DEFAULT_BOARD
    from jetson_deploy.rehearsal.fleet.fleet import Fleet

    report = unfailing(print_event if form.as_events else PlainReporter(timed=True))
    fleet = Fleet(count, kind="light", board=board or DEFAULT_BOARD, settings={"context": _CONTEXT}, report=report)
    say(f"simulated: {fleet.words}")
    say("real: systemd, D-Bus, sshd, SSH, the registry; the tool and its rollout")
    kept: dict[str, Any] = {}
    show = _Show(fleet, quiet=form.as_json or form.as_events)
    try:
        show.flow()
        if keep and show.good:
            kept = msgspec.to_builtins(fleet.keep())
    finally:
        if not kept:
            with shielded():  # a second Ctrl-C does not cut it short: nothing may stay behind
                fleet.stop()
    return _end(show, form, kept)


class _Show:
    def __init__(self, fleet: Fleet, *, quiet: bool) -> None:
        self._fleet, self._quiet = fleet, quiet
        self.parts: list[Shown] = []

    @property
    def fleet(self) -> Fleet:
        return self._fleet

    @property
    def good(self) -> bool:
        return all(part.good for part in self.parts)

    def flow(self) -> None:
        """Ends with the first part that does not end as it must."""
        from jetson_deploy.rehearsal.fleet.breaking import Breaking

        started = time.monotonic()
        self._fleet.start()
        self._note(f"boot {len(self._fleet.places)} boards", 0, 0, started)
        canary = Breaking(self._fleet, self._fleet.places[0])
        usual = canary.behaviour()
        canary.serve({"rubbish": True, "when": {"OLLAMA_CONTEXT_LENGTH": str(_CONTEXT)}})
        if not (self._verb("who answers", "hosts") and self._verb("the canary fails", *_UP, expected=9)):
            return
        canary.serve(usual)
        if self._killed("the controller is killed", *_UP, "--force") and self._verb("taken up again", "resume"):
            self._verb("what serves", "status")

    def _verb(self, name: str, *arguments: str, expected: int = 0) -> bool:
        started, argv = time.monotonic(), self._typed(*arguments)
        done = subprocess.run(argv, env=self._environment(), capture_output=self._quiet, text=True, check=False)
        if self._quiet and done.returncode != expected:
            say(done.stderr.rstrip())
        return self._note(name, done.returncode, expected, started)

    def _killed(self, name: str, *arguments: str) -> bool:
        """By SIGKILL, once the first device is proven. With one board there is nothing in the middle."""
        started, argv = time.monotonic(), self._typed(*arguments)
        with subprocess.Popen(argv, env=self._environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as run:
            for line in run.stderr or ():
                text = line.decode(errors="replace").rstrip()
                if not self._quiet:
                    say(text)
                if text.endswith(": proven") and len(self._fleet.places) > 1:
                    run.kill()
                    break
        expected = -signal.SIGKILL if len(self._fleet.places) > 1 else 0
        return self._note(name, run.returncode, expected, started)

    def _typed(self, *arguments: str) -> list[str]:
        say(f"\n$ jetson-deploy fleet {shlex.join(arguments)}")
        return self._fleet.typed(*arguments)

    def _environment(self) -> dict[str, str]:
        own = {key: value for key, value in os.environ.items() if key != "SSH_AUTH_SOCK"}
        return own | self._fleet.variables()

    def _note(self, name: str, code: int, expected: int, started: float) -> bool:
        seconds = round(time.monotonic() - started, 2)
        self.parts.append(Shown(name=name, exit_code=code, expected=expected, seconds=seconds))
        return code == expected


def _end(show: _Show, form: Form, kept: dict[str, Any]) -> int:
    code = 0 if show.good else 1
    parts = [msgspec.to_builtins(part) for part in show.parts]
    document = {"schema": "jetson-deploy.rehearsed-fleet/1", "exit_code": code, "parts": parts, **kept}
    result = "done" if code == 0 else "failed"
    finish(form, document, lambda: _summary(show), code=code, result=result, simulated=show.fleet.words)
    if kept and not (form.as_json or form.as_events):
        say("\nthe boards go on running; next:")
        for verb in ("hosts", "status", "top"):
            say(f"  {kept['jd']} fleet {verb}")
        say(f"end them with  jetson-deploy rehearse --stop {kept['id']}")
    return code


def _summary(show: _Show) -> str:
    rows = [(part.name, f"{_how(part)}, {part.seconds:.1f} s") for part in show.parts]
    words = "every part ended as it must" if show.good else "a part did not end as it must"
    total = sum(part.seconds for part in show.parts)
    return f"{table(rows, '  ')}\nrehearsed fleet of {len(show.fleet.places)}: {words}, {total:.1f} s"


def _how(part: Shown) -> str:
    if part.good:
        return "ok" if part.expected == 0 else f"exit {part.exit_code}, as it must"
    return f"exit {part.exit_code}, expected {part.expected}"
