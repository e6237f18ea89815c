"""One generate at a time, waited for in a thread: loading takes minutes, and giving up would end the load."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Literal

from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.server.answer_sense import LEAST_TOKENS, QUESTION, rubbish
from jetson_deploy.server.exchange import Probed
from jetson_deploy.server.port import ServerClient
from jetson_deploy.watch.observation import Asked

LONGEST_SECONDS = 7200.0
READ_TOKENS = LEAST_TOKENS
"""Of a real question: as few as let its answer be read."""
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
        prompt = QUESTION if self.kind == "token" else ""
        try:
            reply = self._server.probe(
                self._model, prompt, max_tokens=READ_TOKENS, context=self._context, timeout=LONGEST_SECONDS
            )
        except JetsonDeployError as error:
            reply = Probed(problem=error.message, tokens=0)
        self.result = Asked(
            kind=self.kind,
            state="failed" if reply.problem else "done",
            seconds=time.monotonic() - started,
            tokens=reply.tokens,
            problem=reply.problem,
            rubbish=rubbish(reply.thinking, reply.text, reply.tokens) or "",
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
