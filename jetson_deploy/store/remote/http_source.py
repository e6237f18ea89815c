"""Blobs over HTTP, by ranges where the server takes them: single requests. When to try again is decided elsewhere."""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

import requests
import urllib3.exceptions

from jetson_deploy.names import Named
from jetson_deploy.store.interrupt import check_stop
from jetson_deploy.store.manifest import MANIFEST_BYTES, Blob
from jetson_deploy.store.remote import errors
from jetson_deploy.store.remote.connections import CutOnStop, OpenSockets, new_session
from jetson_deploy.store.remote.errors import PassingError, WrongContent
from jetson_deploy.store.remote.gather import gathered
from jetson_deploy.store.remote.login import Login
from jetson_deploy.store.remote.trickle import Trickle
from jetson_deploy.store.transfer.source import RangesRefused

ANamed = TypeVar("ANamed", bound=Named)
ASource = TypeVar("ASource", bound="HttpSource[Any]")
CONNECT_SECONDS = 10.0
READ_BYTES = 256 << 10
"""Large enough to hash and write at line speed, small enough that a slow line still shows progress."""
CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)")
_EXPIRED = (400, 401, 403, 404, 410)
"""What storage services answer when a signed address has run out."""


class HttpSource(Generic[ANamed]):
    """A `Source`; close it after use. While it is open, `stop` cuts its connections."""

    def __init__(
        self,
        name: ANamed,
        address: str,
        *,
        stall_seconds: float,
        stop: threading.Event,
        login: Login | None = None,
        least_rate: float = 1024.0,
    ) -> None:
        self.name, self.address = name, address
        self.takes_ranges = True
        """False once it has ignored a Range: the whole blob comes in one piece then."""
        self._stop = stop
        self._stall_seconds, self._least_rate = stall_seconds, least_rate
        self._login = login or Login(address)
        self._authorization: dict[str, str] = {}
        self._direct: dict[str, str] = {}
        """Where the registry sent us for a blob, until that address runs out."""
        self._sockets = OpenSockets()
        self._session = new_session(address, self._sockets)
        self._watch = CutOnStop(self._sockets, stop)

    def __enter__(self: ASource) -> ASource:
        self._watch.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._watch.__exit__()
        self._session.close()
        # urllib3 closes a connection when its pool is collected; the traceback of a failure keeps the pool alive.
        self._sockets.cut()

    @contextlib.contextmanager
    def stream(self, blob: Blob, start: int, end: int) -> Iterator[Iterator[bytes]]:
        """See `Source`. Raises RangesRefused when it turns out that the blob only comes whole."""
        partial = self.takes_ranges and (start, end) != (0, blob.size)
        headers = {"Range": f"bytes={start}-{end - 1}"} if partial else {}
        with self._blob(blob, headers) as response:
            if partial:
                end = self._end_of_range(response, blob, start, end)
                yield gathered(self._pieces(response, end - start), READ_BYTES)
            else:
                _check_length(response, blob, blob.size)
                # Left early when less than all is wanted: the connection is closed then.
                yield gathered(_between(self._pieces(response, blob.size), start, end), READ_BYTES)

    def url_of(self, blob: Blob) -> str:
        """Where the server has it."""
        raise NotImplementedError

    def missing(self) -> errors.Missing:
        """What is said when it has not."""
        raise NotImplementedError

    @contextlib.contextmanager
    def _blob(self, blob: Blob, headers: dict[str, str]) -> Iterator[requests.Response]:
        """The answer for a blob, from the address that the registry named before, while that one holds."""
        direct = self._direct.get(blob.digest)
        if direct is not None:
            with self._ask(direct, headers) as response:
                if response.status_code not in _EXPIRED:
                    self._check(response, self.missing())
                    yield response
                    return
            self._direct.pop(blob.digest, None)
        with self._ask(self.url_of(blob), headers) as response:
            self._check(response, self.missing())
            if response.history:
                self._direct[blob.digest] = response.url
            yield response

    def _end_of_range(self, response: requests.Response, blob: Blob, start: int, end: int) -> int:
        """Where the range ends that really comes: a server may send less than was asked for."""
        if response.status_code != requests.codes.partial_content:
            self.takes_ranges = False
            raise RangesRefused
        match = CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if match is None or int(match[1]) != start or not start <= int(match[2]) < end:
            raise WrongContent(
                f"asked for the bytes {start} to {end - 1}, the registry sends {response.headers.get('Content-Range')}"
            )
        if match[3] not in ("*", str(blob.size)):
            raise WrongContent(f"the registry has {match[3]} bytes for {blob.digest}, not {blob.size}")
        _check_length(response, blob, int(match[2]) + 1 - start)
        return int(match[2]) + 1

    @contextlib.contextmanager
    def _ask(self, url: str, headers: dict[str, str]) -> Iterator[requests.Response]:
        """GET; a 401 of the registry itself is answered once."""
        own = url.startswith(self.address + "/")
        response = self._get(url, {**headers, **(self._authorization if own else {})})
        if own and response.status_code == 401 and not response.history:
            response.close()
            challenge = response.headers.get("WWW-Authenticate", "")
            self._authorization = {"Authorization": self._login.authorization(challenge, self._token)}
            response = self._get(url, {**headers, **self._authorization})
        # Outside of _translated: an OSError of the caller's block is the disk's, not the network's.
        with response:
            yield response

    def _get(self, url: str, headers: dict[str, str]) -> requests.Response:
        with self._translated():
            return self._session.get(url, headers=headers, stream=True, timeout=(CONNECT_SECONDS, self._stall_seconds))

    def _token(self, url: str, headers: dict[str, str]) -> bytes:
        with self._get(url, headers) as response:
            if response.status_code != requests.codes.ok:
                raise self._login.refused()
            return b"".join(self._pieces(response, MANIFEST_BYTES))

    def _check(self, response: requests.Response, missing: errors.Missing) -> None:
        status = response.status_code
        if status == 401 and not response.history:
            raise self._login.refused()
        # 416 for a range that is inside of the blob: some servers refuse ranges so.
        if status in (200, 206, 416) and "Range" in response.request.headers:
            return
        if status != requests.codes.ok:
            redirected = bool(response.history) or not response.url.startswith(self.address + "/")
            raise errors.refusal(self.name, self.address, response, redirected, missing)

    def _pieces(self, response: requests.Response, most: int) -> Iterator[bytes]:
        """The body as sent, never decoded. Raises WrongContent when it is longer than `most`."""
        left, watch = most, Trickle(self._stall_seconds, self._least_rate)
        while True:
            piece = self._piece(response, min(READ_BYTES, left + 1), watch)
            if not piece:
                return
            left -= len(piece)
            if left < 0:
                raise WrongContent(f"the registry sends more than the {most} bytes that it may")
            yield piece

    def _piece(self, response: requests.Response, most: int, watch: Trickle) -> bytes:
        with self._translated():
            started = time.monotonic()
            piece = response.raw.read1(most, decode_content=False)
            if watch.is_too_slow(len(piece), time.monotonic() - started):
                raise PassingError(errors.stalled(self.address, self._stall_seconds))
            return piece or b""

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        """Library exceptions as ours; once `stop` is set, whatever came of it is the interruption."""
        try:
            check_stop(self._stop)
            yield
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            check_stop(self._stop)
            raise errors.of_exception(self.address, error, self._stall_seconds) from error


def _check_length(response: requests.Response, blob: Blob, expected: int) -> None:
    length = response.headers.get("Content-Length")
    if length is not None and length != str(expected):
        raise WrongContent(f"the registry sends {length} bytes for {blob.digest}, not {expected}")


def _between(pieces: Iterator[bytes], start: int, end: int) -> Iterator[bytes]:
    """Of a stream from the very start, the bytes `[start, end)`; the rest is read and dropped."""
    at = 0
    for piece in pieces:
        wanted = piece[max(start - at, 0) : max(end - at, 0)]
        at += len(piece)
        if wanted:
            yield wanted
        if at > end:
            return
