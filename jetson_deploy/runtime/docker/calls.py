"""Questions and acts of one engine, each with its time limit, and what goes wrong with them as our errors."""

from __future__ import annotations

import http.client
from collections.abc import Collection
from typing import Any

import msgspec

from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.runtime.docker.errors import away, no_engine, one_line, problem_of, refusal, unreachable
from jetson_deploy.runtime.docker.passing import Again, Passing
from jetson_deploy.runtime.docker.patience import Patience
from jetson_deploy.runtime.docker.wire import Stream, Wire, said

_TROUBLE = (OSError, http.client.HTTPException)


class Calls:
    """`doing` is the start of the sentence that tells what went wrong. `goes_on`: every trouble is EngineAwayError."""

    def __init__(self, wire: Wire, patience: Patience, *, goes_on: bool = False) -> None:
        self.wire, self.patience, self._goes_on = wire, patience, goes_on

    def get(self, doing: str, path: str, *, seconds: float | None = None) -> Any:
        """The answer; None: there is no such thing. `seconds`: where it is not the patience for a look."""
        body = self.raw(doing, path, fine=(http.client.NOT_FOUND,), seconds=seconds)
        if body is None:
            return None
        try:
            return msgspec.json.decode(body)
        except msgspec.MsgspecError as error:
            text = f"the answer is not the Docker Engine's ({error})"
            raise away(text) if self._goes_on else no_engine(text, doing) from error

    def raw(self, doing: str, path: str, *, fine: Collection[int] = (), seconds: float | None = None) -> bytes | None:
        """`fine`: statuses for which it is None."""
        status, body = self._ask(doing, "GET", path, None, seconds or self.patience.look)
        if status == http.client.OK:
            return body
        if status in fine:
            return None
        raise self._refused(status, body, doing, f"GET {path}")

    def act(
        self,
        doing: str,
        method: str,
        path: str,
        *,
        seconds: float,
        body: object = None,
        fine: Collection[int] = (),
        passing: tuple[Passing, ...] = (),
    ) -> int:
        """The status. `fine`: those of a refusal that is an answer. `passing`: refusals for a moment only."""
        raw = None if body is None else msgspec.json.encode(body)
        again = Again(passing, self.patience.pause)
        while True:
            status, answer = self._ask(doing, method, path, raw, seconds)
            if status < http.client.BAD_REQUEST or status in fine:
                return status
            if not again.after(said(answer)):
                raise self._refused(status, answer, doing, f"{method} {path}")

    def stream(self, doing: str, path: str, *, ends: bool = False) -> Stream:
        """`ends`: by itself, so that each wait for more has the time limit too."""
        try:
            stream = self.wire.stream(path, self.patience.look, ends=ends)
            if stream.status == http.client.OK:
                return stream
            try:
                raise self._refused(stream.status, stream.rest(), doing, f"GET {path}")
            finally:
                stream.close()
        except _TROUBLE as error:
            raise self.lost(error, doing, self.patience.look) from error

    def lost(self, error: Exception, doing: str, seconds: float) -> JetsonDeployError:
        """For an exception of the wire."""
        if self._goes_on:
            return away(problem_of(error, seconds))
        return unreachable(error, doing) or no_engine(one_line(str(error)) or type(error).__name__, doing)

    def _ask(self, doing: str, method: str, path: str, body: bytes | None, seconds: float) -> tuple[int, bytes]:
        try:
            return self.wire.ask(method, path, body, seconds)
        except _TROUBLE as error:
            raise self.lost(error, doing, seconds) from error

    def _refused(self, status: int, body: bytes, doing: str, what: str) -> JetsonDeployError:
        text = said(body) or f"{what}: HTTP {status}"
        return away(text) if self._goes_on else refusal(text, doing)
