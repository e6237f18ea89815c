"""What goes wrong on the way to a registry, when, and what was counted meanwhile: the state of a `fault_proxy`."""

from __future__ import annotations

import secrets
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Fault:
    """What goes wrong with requests whose path contains `path`, `times` times.

    While a body is sent: `cut` ends every body, and `reset` this one hard, as soon as `at` of the blob went out (by
    all of its requests); `short-lived` ends each after `uses` bytes; `stall` says nothing more and `corrupt` flips a
    byte in the request that comes to `at`; `trickle` sends `rate` bytes a second.
    Answers: `status` (`code`, `headers`), `whole` (200 for a range), `other-range` (206 of a neighbour), `no-range`
    (416), `longer` and `shorter` (Content-Length), `chunked` (no length), `signed` (a redirect that answers `code`
    after `uses` requests or `seconds`), `no-head` (405 to HEAD), `hang-up` (none).
    """

    kind: str
    path: str = "/blobs/"
    times: int = 1_000_000
    at: float = 0.5
    code: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    rate: float = 0
    uses: int = 1_000_000
    seconds: float = 1e9
    happened: int = 0


@dataclass(frozen=True)
class Asked:
    """One request, as the client sent it, and the status it got. `signed`: at the other host."""

    method: str
    path: str
    headers: dict[str, str]
    status: int
    signed: bool
    at: float

    @property
    def range(self) -> str | None:
        return self.headers.get("range")


@dataclass(repr=False)
class FaultProxy:
    """`upstream` is HOST:PORT. `rate`: bytes a second for all bodies together, `rate_each`: for each; 0: no limit."""

    upstream: str
    faults: list[Fault] = field(default_factory=list)
    rate: float = 0
    rate_each: float = 0
    bearer: tuple[str, str] | None = None
    """User and password that the token service wants; without a token it answers 401."""
    token_uses: int = 1_000_000
    """Requests that one token is good for."""
    login_behind: str | None = None
    """The Authorization with which the host behind signed addresses asks the registry."""
    url: str = ""
    signed_url: str = ""
    asked: list[Asked] = field(default_factory=list)
    sent: Counter[str] = field(default_factory=Counter)
    """Bytes of blobs by digest."""
    most_at_once: int = 0
    """Bodies of blobs under way at the same time."""
    closing: threading.Event = field(default_factory=threading.Event)
    stalled: threading.Event = field(default_factory=threading.Event)
    cuts: int = 0
    tokens: dict[str, tuple[Fault, float, int]] = field(default_factory=dict)
    """Of signed addresses: the rule, when it was given out, how often it was used."""
    token: str = ""
    _token_used: int = 0
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _at_once: int = 0
    _next_slot: float = 0

    @property
    def bytes_sent(self) -> int:
        return sum(self.sent.values())

    def blob_requests(self) -> list[Asked]:
        return [asked for asked in self.asked if "/blobs/" in asked.path and asked.method == "GET"]

    def take(self, path: str, *kinds: str) -> Fault | None:
        """The first fault of these kinds for `path`, counted as used."""
        with self._lock:
            for fault in self.faults:
                if fault.kind in kinds and fault.path in path and fault.times > 0:
                    fault.times -= 1
                    fault.happened += 1
                    return fault
        return None

    def spoilt(self, path: str, offset: int, size: int, chunk: bytes) -> bytes:
        """With a byte flipped, where a fault says so."""
        for place in self._places("corrupt", path, size):
            if offset <= place < offset + len(chunk) and self.take(path, "corrupt"):
                index = place - offset
                return chunk[:index] + bytes([chunk[index] ^ 1]) + chunk[index + 1 :]
        return chunk

    def stalls(self, path: str, offset: int, size: int, length: int) -> bool:
        places = self._places("stall", path, size)
        return any(offset <= place < offset + length for place in places) and bool(self.take(path, "stall"))

    def _places(self, kind: str, path: str, size: int) -> list[int]:
        faults = [fault for fault in self.faults if fault.kind == kind and fault.path in path and fault.times > 0]
        return [min(int(fault.at * size), size - 1) for fault in faults]

    def ends_now(self, path: str, digest: str, size: int) -> str | None:
        """`cut` or `reset`, when so much of the blob went out."""
        with self._lock:
            for kind in ("cut", "reset"):
                if any(self.sent[digest] >= place for place in self._places(kind, path, size)):
                    self.take(path, kind)
                    self.cuts += kind == "cut"
                    return kind
        return None

    def count(self, digest: str, length: int) -> None:
        with self._lock:
            self.sent[digest] += length

    @contextmanager
    def body(self) -> Iterator[None]:
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            yield
        finally:
            with self._lock:
                self._at_once -= 1

    def pace(self, length: int, trickle: Fault | None) -> None:
        """Wait until `length` more bytes may go out."""
        each = trickle.rate if trickle is not None else self.rate_each
        if each:
            self.closing.wait(length / each)
        if self.rate:
            with self._lock:
                begin = max(self._next_slot, time.monotonic())
                self._next_slot = begin + length / self.rate
            self.closing.wait(max(0.0, begin - time.monotonic()))

    def fresh_token(self) -> str:
        with self._lock:
            self.token, self._token_used = secrets.token_hex(8), 0
            return self.token

    def is_authorized(self, header: str | None) -> bool:
        """By a token that has not run out; counts as one use."""
        if self.bearer is None:
            return True
        with self._lock:
            good = bool(self.token) and header == f"Bearer {self.token}" and self._token_used < self.token_uses
            self._token_used += good
            return good

    def sign(self, fault: Fault) -> str:
        token = secrets.token_hex(8)
        self.tokens[token] = (fault, time.monotonic(), 0)
        return token

    def refusal_of(self, token: str) -> int | None:
        """The status that an address which is not good any more gets; counts as one use."""
        with self._lock:
            fault, since, used = self.tokens[token]
            self.tokens[token] = (fault, since, used + 1)
        return fault.code if used >= fault.uses or time.monotonic() - since > fault.seconds else None
