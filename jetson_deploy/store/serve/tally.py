"""Counts of requests and bytes, reported to the user without flooding."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import msgspec

from jetson_deploy.events import Note, Reporter

QUIET_SECONDS = 5.0
"""Between two warnings of a kind."""
_MOST_CLIENTS = 1000
"""So many addresses are remembered, and reported one by one."""


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    requests: int
    sent_bytes: int
    """Of bodies."""
    clients: int
    """Different addresses, 1000 at most."""
    refused: int
    """Connections that found no place."""


class Tally:
    """Thread-safe. `detailed`: a note for each request."""

    def __init__(
        self, report: Reporter, *, detailed: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._report, self._detailed, self._clock = report, detailed, clock
        self._lock = threading.Lock()
        self._clients: set[str] = set()
        self._requests = self._sent = self._refused = 0
        self._quiet_until: dict[str, float] = {}
        self._unreported: dict[str, int] = {}

    @property
    def totals(self) -> Totals:
        with self._lock:
            return Totals(
                requests=self._requests, sent_bytes=self._sent, clients=len(self._clients), refused=self._refused
            )

    def client(self, address: str) -> None:
        with self._lock:
            new = address not in self._clients and len(self._clients) < _MOST_CLIENTS
            if new:
                self._clients.add(address)
        if new:
            self._report(Note(level="info", text=f"{address} connects for the first time"))

    def sent(self, count: int) -> None:
        with self._lock:
            self._sent += count

    def answered(self, address: str, what: str, sent: int, seconds: float) -> None:
        """`sent`: bytes of the body, already counted."""
        with self._lock:
            self._requests += 1
        if self._detailed:
            self._report(Note(level="info", text=f"{address} {what}, {sent} bytes in {seconds:.3f} s"))

    def refuse(self, why: str) -> None:
        with self._lock:
            self._refused += 1
        self.warn("refused", f"a connection was refused: {why}")

    def warn(self, kind: str, text: str) -> None:
        """The first of a kind at once, those that follow soon after as a number with the next one."""
        with self._lock:
            now, untold = self._clock(), self._unreported.get(kind, 0)
            is_quiet = now < self._quiet_until.get(kind, now)
            self._unreported[kind] = untold + 1 if is_quiet else 0
            if is_quiet:
                return
            self._quiet_until[kind] = now + QUIET_SECONDS
        self._report(Note(level="warning", text=text + (f" ({untold} more since the last time)" if untold else "")))
