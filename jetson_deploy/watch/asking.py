"""One generate at a time, waited for in a thread: loading takes minutes, and giving up would end the load."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Literal

from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.server.port import ServerClient
from jetson_deploy.watch.observation import Asked

LONGEST_SECONDS = 7200.0
QUICK_SECONDS = 1.0
"""A loaded model answers the empty prompt in 10 to 50 ms, also beside a long answer (measured on Ollama 0.9.5)."""


class _One:
    def __init__(self, server: ServerClient, model: str, *, token: bool, context: int | None, at: float) -> None:
        self.kind: Literal["empty", "token"] = "token" if token else "empty"
        self.started = at
        self.result: Asked | None = None
        self._server, self._model, self._context = server, model, context
        self.over = threading.Event()
        threading.Thread(target=self._wait, daemon=True).start()

    def _wait(self) -> None:
        started = time.monotonic()
        try:
            token = self.kind == "token"
            reply = self._server.probe(self._model, token=token, context=self._context, timeout=LONGEST_SECONDS)
            problem, tokens = reply.problem, reply.tokens
        except JetsonDeployError as error:
            problem, tokens = error.message, 0
        self.result = Asked(
            kind=self.kind,
            state="failed" if problem else "done",
            seconds=time.monotonic() - started,
            tokens=tokens,
            problem=problem,
        )
        self.over.set()


class Asking:
    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._one: _One | None = None

    def ask(self, server: ServerClient, model: str, *, token: bool, context: int | None = None) -> Asked:
        """Start one unless one is under way; what became of it, after a short wait.

        `context`: what a client had the model loaded for, where that is not the deployment's own.
        """
        one = self._one
        if one is None:
            one = self._one = _One(server, model, token=token, context=context, at=self._clock())
        one.over.wait(QUICK_SECONDS)
        if one.result is None:
            return Asked(kind=one.kind, state="pending", seconds=self._clock() - one.started)
        self._one = None
        return one.result

    def forget(self) -> None:
        """Another server is asked from now on: what was asked of the one before does not count."""
        self._one = None
