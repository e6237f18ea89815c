"""The protocol of every source of board data."""

from __future__ import annotations

from typing import Protocol

from jetson_deploy.monitor.sample import Board, SourceName


class SourceError(Exception):
    """The whole source cannot be used now; the text says why in one line, for people."""


class Source(Protocol):
    @property
    def name(self) -> SourceName: ...

    def poll(self) -> None:
        """10 times a second between two reads: what comes in bursts. Cheap; never raises."""

    def read(self) -> Board:
        """What it knows now. A value that cannot be read is None; raises SourceError when there is nothing at all."""

    def close(self) -> None: ...
