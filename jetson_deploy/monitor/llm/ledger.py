"""Counts since the monitor's start: tokens of each model, answers of each path. Safe for threads.

A running request is counted while it runs (`progress`), and set right by its own end (`settle`). The sums never fall:
they become counters.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable

import msgspec

from jetson_deploy.monitor.model_parts import Requests

_MOST_MODELS = 64


class Counts(msgspec.Struct, kw_only=True):
    """Of one model, as the fields of `sample.Model`."""

    prompt_tokens: int = 0
    prompt_seconds: float = 0.0
    decode_tokens: int = 0
    decode_seconds: float = 0.0
    last_prompt_rate: float | None = None
    last_decode_rate: float | None = None
    context_used_tokens: int | None = None


class FirstTokens(msgspec.Struct, frozen=True, kw_only=True):
    last_seconds: float | None = None
    total_seconds: float | None = None
    count: int | None = None


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    requests: tuple[Requests, ...] = ()
    seconds: float | None = None


class _Running(msgspec.Struct):
    model: str
    tokens: int
    seconds: float


class Ledger:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._settled: dict[str, Counts] = {}
        self._shown: dict[str, tuple[int, float]] = {}
        self._running: dict[Hashable, _Running] = {}
        self._answered: dict[tuple[str, int], int] = {}
        self._answer_seconds: float | None = None
        self._broken = 0
        self._first = FirstTokens()

    def progress(self, key: Hashable, model: str, tokens: int, seconds: float) -> None:
        """So far, of a request that goes on."""
        with self._lock:
            self._running[key] = _Running(model, tokens, seconds)

    def settle(
        self,
        key: Hashable,
        model: str,
        tokens: int,
        seconds: float | None,
        *,
        rate: float | None = None,
        exact: bool = True,
    ) -> None:
        """All of a finished request. `rate`: where it is not tokens over seconds; not `exact`: no rate is known."""
        with self._lock:
            before = self._running.pop(key, None)
            counts = self._counts(before.model if before else model)
            counts.decode_tokens += tokens
            counts.decode_seconds += seconds or 0.0
            if rate is None and exact and seconds and tokens > 1:  # 0.24 leaves the time of one token out
                rate = tokens / seconds
            counts.last_decode_rate = counts.last_decode_rate if rate is None else rate

    def drop(self, key: Hashable) -> None:
        """It ended without a word: what was seen of it counts."""
        with self._lock:
            self._drop(key)

    def drop_all(self) -> None:
        with self._lock:
            for key in tuple(self._running):
                self._drop(key)

    def forget_running(self) -> None:
        """They are in the sums already, or are reported anew."""
        with self._lock:
            self._running.clear()

    def settle_prompt(self, model: str, tokens: int, seconds: float | None, *, exact: bool = True) -> None:
        with self._lock:
            counts = self._counts(model)
            counts.prompt_tokens += tokens
            counts.prompt_seconds += seconds or 0.0
            if exact and seconds and tokens:
                counts.last_prompt_rate = tokens / seconds

    def use_context(self, model: str, tokens: int) -> None:
        with self._lock:
            self._counts(model).context_used_tokens = tokens

    def answer(self, path: str, code: int, seconds: float | None) -> None:
        with self._lock:
            self._answered[path, code] = self._answered.get((path, code), 0) + 1
            self._answer_seconds = (self._answer_seconds or 0.0) + (seconds or 0.0)

    def broken(self) -> None:
        """The server left an answer without its end."""
        with self._lock:
            self._broken += 1

    @property
    def answers_broken(self) -> int:
        return self._broken

    def first_token(self, seconds: float) -> None:
        with self._lock:
            before = self._first
            self._first = FirstTokens(
                last_seconds=seconds,
                total_seconds=(before.total_seconds or 0.0) + seconds,
                count=(before.count or 0) + 1,
            )

    def answered(self) -> Answered:
        with self._lock:
            found = tuple(Requests(path=p, code=c, count=n) for (p, c), n in sorted(self._answered.items()))
            return Answered(requests=found, seconds=self._answer_seconds)

    def first_tokens(self) -> FirstTokens:
        with self._lock:
            return self._first

    def models(self) -> dict[str, Counts]:
        """A copy, running requests included."""
        with self._lock:
            for running in self._running.values():
                self._counts(running.model)
            found = {name: msgspec.structs.replace(counts) for name, counts in self._settled.items()}
            for running in self._running.values():
                found[self._known(running.model)].decode_tokens += running.tokens
                found[self._known(running.model)].decode_seconds += running.seconds
            for name, counts in found.items():
                tokens, seconds = self._shown.get(name, (0, 0.0))
                counts.decode_tokens = max(tokens, counts.decode_tokens)
                counts.decode_seconds = max(seconds, counts.decode_seconds)
                self._shown[name] = counts.decode_tokens, counts.decode_seconds
            return found

    def _drop(self, key: Hashable) -> None:
        seen = self._running.pop(key, None)
        if seen is not None:
            counts = self._counts(seen.model)
            counts.decode_tokens += seen.tokens
            counts.decode_seconds += seen.seconds

    def _counts(self, model: str) -> Counts:
        return self._settled.setdefault(self._known(model), Counts())

    def _known(self, model: str) -> str:
        """Names come from answers: a bounded number of them."""
        return model if model in self._settled or len(self._settled) < _MOST_MODELS else "other"
