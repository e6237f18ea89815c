"""A source that is listened to in a thread of its own: another program or service may hang, the sampling may not."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Protocol

from jetson_deploy.monitor.sample import Board, SourceName
from jetson_deploy.monitor.sources.source import SourceError

INTERVAL = 1.0
"""Seconds, asked of those that are followed."""
OLDEST = 3 * INTERVAL
"""Seconds; older data is not used."""
PATIENCE = 10.0
"""Seconds until the first data, before its absence is called a failure."""
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
_JOIN = 2.0


class Feed(Protocol):
    """One way to data; `boards` is called anew after each end."""

    def boards(self) -> Iterator[Board]:
        """Blocks between two boards. SourceError says why there is nothing; its plain end, that it broke off."""

    def stop(self) -> None:
        """From another thread: makes `boards` end soon where that can be done. Never raises."""


class FollowedSource:
    """`clock` in seconds. `pause` waits that long and says whether to stop; None: until `close`."""

    def __init__(
        self,
        name: SourceName,
        feed: Feed,
        *,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], bool] | None = None,
    ) -> None:
        self.name: SourceName = name
        self._feed, self._clock = feed, clock
        self._stop = threading.Event()
        self._pause = pause or self._stop.wait
        self._last: tuple[float, Board] | None = None
        self._failure: str | None = None
        self._began = clock()
        self._thread = threading.Thread(target=self.follow, name=f"monitor-{name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def poll(self) -> None:
        """Nothing: the thread listens all the time."""

    def read(self) -> Board:
        """The last data, at most OLDEST old; an empty Board while the first is awaited."""
        last, failure, now = self._last, self._failure, self._clock()
        if last is not None and now - last[0] <= OLDEST:
            return last[1]
        if failure is not None:
            raise SourceError(failure)
        if last is not None:
            raise SourceError(f"no new data for {now - last[0]:.0f} s")
        if now - self._began <= PATIENCE:
            return Board()
        raise SourceError(f"no data in the first {now - self._began:.0f} s")

    def close(self) -> None:
        """Waits a moment at most: what hangs in the other program is left behind as a daemon thread."""
        self._stop.set()
        self._feed.stop()
        if self._thread.is_alive():
            self._thread.join(_JOIN)

    def follow(self) -> None:
        """The thread: listen; after an end, wait longer each time until data comes again."""
        pause = _FIRST_PAUSE
        while not self._stop.is_set():
            if self._listen():
                pause = _FIRST_PAUSE
            if self._stop.is_set() or self._pause(pause):
                return
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _listen(self) -> bool:
        """Until it ends; True when data came."""
        came = False
        try:
            for board in self._feed.boards():
                self._last, self._failure, came = (self._clock(), board), None, True
                if self._stop.is_set():
                    return came
            self._failure = "it broke off; it is tried again"
        except SourceError as error:
            self._failure = str(error)
        except Exception as error:  # another program's code: its faults must not end ours
            self._failure = f"{type(error).__name__}: {' '.join(str(error).split())}"[:200]
        return came
