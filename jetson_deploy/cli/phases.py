"""Phases of a change of the deployment: fetch, verify, deploy, health; each as one line when its result is known.

The events are those of `--events`; `-v` shows them one by one instead.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Literal

from jetson_deploy.cli.event_line import expected, line_of
from jetson_deploy.cli.render import paint
from jetson_deploy.events import Event, Note, StepFinished, StepStarted, Verdict
from jetson_deploy.names import NATIVE

Phase = Literal["", "fetch", "deploy", "health", "commit", "undo"]
STAGING = {"stage-image": "image", "stage-model": "model"}
UNDER_WAY: dict[Phase, str] = {
    "deploy": "deploy  starting the server",
    "health": "health  waiting for tokens of the model",
    "undo": "undoing",
}


class Phases:
    """Event → the lines that it is worth. One change after another may go through it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._phase: Phase = ""
        self._began = 0.0
        self._fetched: dict[str, float] = {}
        self._staging: dict[str, str] = {}
        """What a person calls that which is under way."""
        self._shown_fetch = False
        self._open: StepStarted | None = None
        self._done: set[str] = set()
        """Steps of the deploy phase."""
        self._verdicts: list[Verdict] = []

    def __call__(self, event: Event) -> list[str]:
        if isinstance(event, Note):
            silent = event.level == "info" and self._phase == "commit"
            return [] if silent else [line_of(event) or ""]
        if isinstance(event, Verdict):
            return self._judged(event)
        if isinstance(event, StepStarted):
            return self._begins(event)
        if isinstance(event, StepFinished):
            self._ends(event)
        return []

    @property
    def under_way(self) -> str:
        """What a person waits for; nothing while bytes are shown."""
        return UNDER_WAY.get(self._phase, "")

    def end(self) -> list[str]:
        """What is still to be said when nothing more comes: a server that was only asked has no steps."""
        return self._healthy()

    def _begins(self, event: StepStarted) -> list[str]:
        if event.step in STAGING:
            self._staging[event.step] = "program" if NATIVE in event.text else STAGING[event.step]
            lines = self._healthy()
            if self._phase != "fetch":
                self._enter("fetch")
                self._fetched, self._shown_fetch = {}, False
            return lines
        lines, failed = self._gone_wrong(), self._phase == "undo"
        self._open = event
        if event.step == "create-container" or (self._phase in ("", "fetch") and event.step != "prove"):
            lines += self._staged(new=event.step == "create-container")
            if self._phase != "deploy":
                self._enter("deploy")
                self._done = set()
        elif failed:
            return lines
        elif event.step == "prove":
            lines += self._deployed()
            self._enter("health")
        elif self._phase == "health" and event.step not in ("try-speculation", "settle"):
            lines += self._healthy()
            self._phase = "commit"
        return lines

    def _gone_wrong(self) -> list[str]:
        """The step before never ended: what follows undoes it."""
        step, self._open = self._open, None
        if step is None or self._phase in ("undo", "commit"):
            return []
        phase, self._phase = self._phase, "undo"
        self._verdicts = []
        return [_line(phase, f"{_failed()} at {step.step}: {step.text}")] if phase == "deploy" else []

    def _ends(self, event: StepFinished) -> None:
        if event.step in STAGING:
            self._fetched[self._staging.pop(event.step, STAGING[event.step])] = event.seconds
            return
        self._open = None
        self._done.add(event.step)

    def _judged(self, verdict: Verdict) -> list[str]:
        if self._phase == "" and not self._verdicts:
            self._began = self._clock()
        if verdict.passed is not False:
            self._verdicts.append(verdict)
            return []
        self._verdicts, self._open = [], None
        self._phase = "undo"
        return [_line("health", f"{_failed()}: {verdict.check}: {verdict.observed}{expected(verdict)}")]

    def _staged(self, *, new: bool) -> list[str]:
        fetched, self._fetched = self._fetched, {}
        if not fetched:
            shown, self._shown_fetch = self._shown_fetch, False
            return [_line("fetch", "nothing: server and model are here")] if new and not shown else []
        self._shown_fetch = not new
        took = ", ".join(f"{what} in {seconds:.1f} s" for what, seconds in sorted(fetched.items()))
        whole = " and ".join(sorted(fetched))
        return [
            _line("fetch", f"{_ok()}: {took}"),
            _line("verify", f"{_ok()}: {whole} {'match their digests' if len(fetched) > 1 else 'matches its digest'}"),
        ]

    def _deployed(self) -> list[str]:
        if self._phase != "deploy" or "start-container" not in self._done:
            return []
        replaced = "the old server stopped, the new one" if "stop-container" in self._done else "server"
        return [_line("deploy", f"{_ok()} in {self._clock() - self._began:.1f} s: {replaced} started")]

    def _healthy(self) -> list[str]:
        verdicts, self._verdicts = self._verdicts, []
        if not verdicts or self._phase == "undo":
            return []
        facts = [v.observed for v in verdicts if v.check == "generate"]
        facts += [v.observed if v.check == "gpu" else f"{v.check} {v.observed}" for v in verdicts if _worth_saying(v)]
        return [_line("health", f"{_ok()} in {self._clock() - self._began:.1f} s: {'; '.join(facts)}")]

    def _enter(self, phase: Phase) -> None:
        self._phase, self._began, self._open = phase, self._clock(), None
        self._verdicts = []


def _worth_saying(verdict: Verdict) -> bool:
    """Beside the tokens and their speed: where it computes, whether it speculates, and what could not be judged."""
    if verdict.check == "speed":
        return verdict.passed is None and "below the predicted" in verdict.observed
    return verdict.check in ("gpu", "speculation") or (verdict.passed is None and verdict.check != "generate")


def _line(phase: str, result: str) -> str:
    return f"{phase:<7} {result}"


def _ok() -> str:
    return paint("ok", "green", sys.stderr)


def _failed() -> str:
    return paint("FAILED", "red", sys.stderr)
