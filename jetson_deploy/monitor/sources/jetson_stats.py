"""jetson-stats (jtop), where its user installed it: fills what sysfs lacks, as EMC load and GPU memory of processes.

Its service needs root and a client of the same version; the client may hang in connecting, and stops without an
exception when the service stalls. So it lives in a thread. The package is AGPL and the user's choice (extra `jtop`):
nothing of it is copied, only its documented properties are read.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
from collections.abc import Callable, Iterator
from typing import Any

from jetson_deploy.monitor.sample import Board
from jetson_deploy.monitor.sources.followed import INTERVAL, OLDEST, FollowedSource
from jetson_deploy.monitor.sources.jtop_words import board_of
from jetson_deploy.monitor.sources.source import Source, SourceError
from jetson_deploy.own_copy import own_copy

_INSTALL = "sudo jtop --install-service"


def _jtop(interval: float) -> Any:
    return importlib.import_module("jtop").jtop(interval=interval)


def open_jetson_stats() -> Source:
    """Raises SourceError when the package is not installed; all else may come later and is reported by `read`."""
    if importlib.util.find_spec("jtop") is None:
        raise SourceError(f"the Python package jetson-stats is not installed: {own_copy().adding('jetson-stats')}")
    source = FollowedSource("jetson-stats", JtopFeed(_jtop))
    source.start()
    return source


class JtopFeed:
    """`client(interval)` makes a `jtop`, or what stands in for it in a test."""

    def __init__(self, client: Callable[[float], Any]) -> None:
        self._client = client
        self._stopped = False
        self._uptime: float | None = None
        """Of the last data, of a client before this one too: a service that hangs gives every client its old data."""

    def boards(self) -> Iterator[Board]:
        try:
            jtop = self._client(INTERVAL)
            jtop.start()  # may wait for ever for a service that hangs
        except Exception as error:
            raise SourceError(words(error)) from error
        try:
            while not self._stopped:
                alive = jtop.ok()  # waits for the next data, 3 intervals at most
                board = board_of(jtop)
                # The client hands out the old data again when its own wait ends before ok's does.
                if not alive or (self._uptime is not None and board.uptime_seconds == self._uptime):
                    raise SourceError(f"jtop.service sent nothing for {OLDEST:.0f} s: sudo systemctl restart jtop")
                self._uptime = board.uptime_seconds
                yield board
        except SourceError:
            raise
        except Exception as error:
            raise SourceError(words(error)) from error
        finally:
            with contextlib.suppress(Exception):
                jtop.close()

    def stop(self) -> None:
        self._stopped = True


def words(error: Exception) -> str:
    """One line with the fix, for what jtop's client raises."""
    text = " ".join(str(error).split())
    if "not active" in text:
        return f"jtop.service does not run: {_INSTALL}"
    if "Mismatch version" in text:
        versions = text.partition("Please run")[0].rstrip(". ")
        return f"{versions}: install the same jetson-stats here and for the service, then {_INSTALL}"
    if "Mismatch of Python" in text:
        return f"jtop.service runs in a Python that this one cannot talk to: {_INSTALL} from this environment"
    if "can't access" in text:
        return "no access to jtop.service: sudo usermod -aG jtop $USER (as good as root), then log in again"
    if "Lost connection" in text or isinstance(error, (EOFError, ConnectionError)):
        return "the connection to jtop.service was lost; it is tried again"
    return f"jtop: {text or type(error).__name__}"[:200]
