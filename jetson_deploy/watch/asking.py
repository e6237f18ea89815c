"""One generate at a time, waited for in a thread: loading takes minutes, and giving up would end the load."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Literal

from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.server.ollama.http import HttpClient
from jetson_deploy.server.ollama.replies import StreamReply
from jetson_deploy.watch.observation import Asked

LONGEST_SECONDS = 7200.0
QUICK_SECONDS = 1.0
"""A loaded model answers the empty prompt in 10 to 50 ms, also beside a long answer (measured on 0.9.5)."""


class _One:
    def __init__(self, endpoint: HttpClient, kind: Literal["empty", "token"], body: dict[str, Any], at: float) -> None:
        self.kind, self.started = kind, at
        self.result: Asked | None = None
        self._endpoint, self._body = endpoint, body
        self.over = threading.Event()
        threading.Thread(target=self._wait, daemon=True).start()

    def _wait(self) -> None:
        started = time.monotonic()
        try:
            reply = self._endpoint.post("/api/generate", self._body, StreamReply, timeout=LONGEST_SECONDS)
            problem, tokens = reply.error or "", reply.eval_count
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

    def ask(self, endpoint: HttpClient, model: str, *, token: bool, context: int | None = None) -> Asked:
        """Start one unless one is under way; what became of it, after a short wait.

        `context`: what a client had the model loaded for, where that is not the deployment's own. Asking without it
        would load the model anew, and the client's next request once more (docs/ollama-behaviour.md: h3).
        """
        one = self._one
        if one is None:
            options: dict[str, Any] = {"num_predict": 1, "temperature": 0} if token else {}
            if context is not None:
                options["num_ctx"] = context
            body = {"model": model, "prompt": "Hi" if token else "", "stream": False, "options": options}
            one = self._one = _One(endpoint, "token" if token else "empty", body, self._clock())
        one.over.wait(QUICK_SECONDS)
        if one.result is None:
            return Asked(kind=one.kind, state="pending", seconds=self._clock() - one.started)
        self._one = None
        return one.result

    def forget(self) -> None:
        """Another server is asked from now on: what was asked of the one before does not count."""
        self._one = None


def unload(endpoint: HttpClient, model: str, timeout: float) -> None:
    """Let the model go. Raises UnhealthyError."""
    endpoint.post("/api/generate", {"model": model, "keep_alive": 0, "stream": False}, StreamReply, timeout=timeout)
