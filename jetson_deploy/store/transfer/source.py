"""Sources of a blob's bytes: a registry, another host, a bundle, a file. A transfer treats all alike."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from jetson_deploy.store.manifest import Blob


class RangesRefused(Exception):  # noqa: N818 - not an error: the source is asked in another way
    """The source gives a blob only from its start to its end; its `takes_ranges` is False from now on."""


class Source(Protocol):
    """Must be safe to use from several threads at once."""

    @property
    def address(self) -> str:
        """For messages: a URL or a path."""
        ...

    @property
    def takes_ranges(self) -> bool:
        """False: parts of a blob cost as much as the whole, so ask once, on one connection."""
        ...

    def stream(self, blob: Blob, start: int, end: int) -> AbstractContextManager[Iterator[bytes]]:
        """The bytes [start, end) of the blob in pieces of any size; the hash is not compared here.

        May end early (a cut); must never give more than was asked for. Raises PassingError (another try may
        help), WrongContent (the bytes or their number cannot be the promised ones), RangesRefused,
        JetsonDeployError.
        """
        ...


class Sources:
    """Several places for the same bytes, the last of them the origin. A place that was doubted is not asked again."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = tuple(sources)
        self._lock = threading.Lock()
        self._dropped: set[tuple[str, str]] = set()

    @property
    def origin(self) -> Source:
        return self._sources[-1]

    def best(self, blob: Blob) -> Source:
        """The first that may be asked for the blob."""
        with self._lock:
            return next((s for s in self._sources[:-1] if not self._is_dropped(s, blob)), self.origin)

    def _is_dropped(self, source: Source, blob: Blob) -> bool:
        return bool({(source.address, ""), (source.address, blob.digest)} & self._dropped)

    def drop(self, source: Source, blob: Blob | None = None) -> bool:
        """Ask it no more, for this blob or (None) for any. False: it was dropped before."""
        key = (source.address, blob.digest if blob else "")
        with self._lock:
            fresh = key not in self._dropped
            self._dropped.add(key)
        return fresh

    def drop_mirrors(self) -> None:
        for source in self._sources[:-1]:
            self.drop(source)
