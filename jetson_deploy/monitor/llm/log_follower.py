"""A thread that follows a container's log through restarts and engine failure."""

from __future__ import annotations

import contextlib
import threading

from jetson_deploy.monitor.llm.log_reader import LogReader
from jetson_deploy.runtime.port import EngineAwayError, FollowedLog, Runtime, UnreadableLogError

_PAUSE_SECONDS = 1.0
_BEFORE_ALL = "1970-01-01T00:00:00Z"
_CATCH_UP_LINES = 2000
"""A model's load writes about 200; requests one or a few each."""


class LogFollower:
    """Follows the container that `follow` named last. A server that is started anew in it says so in its log."""

    def __init__(self, runtime: Runtime, reader: LogReader) -> None:
        self._runtime, self._reader = runtime, reader
        self._wanted: str | None = None
        self._changed = threading.Event()
        self._stop = threading.Event()
        self._log: FollowedLog | None = None
        self._last: str | None = None
        """Time stamp of the last line: after a break, what was written meanwhile is read too. None: only what comes."""
        self._thread = threading.Thread(target=self._run, name="monitor log", daemon=True)
        self.problem: str | None = None
        """Why it cannot, in one line."""
        self.follows = False

    def start(self) -> None:
        self._thread.start()

    def follow(self, container: str | None) -> None:
        """By its id. None: it does not run."""
        if container != self._wanted:
            self._wanted = container
            self._hang_up()
            self._changed.set()

    def close(self) -> None:
        self._stop.set()
        self._changed.set()
        self._hang_up()
        if self._thread.is_alive():
            self._thread.join(2.0)

    def _run(self) -> None:
        known: str | None = None
        while not self._stop.is_set():
            wanted = self._wanted
            try:
                if wanted is None:
                    self._reader.reset()
                else:
                    if wanted != known:
                        self._begin(wanted)
                        known = wanted
                    self._listen(wanted)
            except EngineAwayError as error:
                self.problem = error.message
            except Exception as bug:  # an unforeseen line must not end the counting silently
                self.problem = f"{type(bug).__name__}: {str(bug)[:200]}"
            self.follows = False
            self._changed.wait(None if wanted is None else _PAUSE_SECONDS)
            self._changed.clear()

    def _begin(self, container: str) -> None:
        self._reader.reset()
        self._last = None
        try:
            tail = self._runtime.stamped_logs(container, _CATCH_UP_LINES)
        except UnreadableLogError:
            return
        self._reader.catch_up(line.partition(" ")[2] for line in tail)
        self._last = tail[-1].partition(" ")[0] if tail else _BEFORE_ALL

    def _listen(self, wanted: str) -> None:
        log = self._runtime.follow_from(wanted, self._last)
        self._log = log
        try:
            if self._wanted != wanted or self._stop.is_set():  # changed before `_log` could be hung up
                return
            self.problem, self.follows = None, True
            seen = self._last or ""
            for stamp, line in log.lines():
                if stamp and stamp <= seen:  # `since` of the engine includes its own moment
                    continue
                self._last = stamp or self._last
                self._reader.feed(line)
        except UnreadableLogError:
            self._last = None
        finally:
            log.close()

    def _hang_up(self) -> None:
        log = self._log
        if log is not None:
            with contextlib.suppress(OSError):
                log.close()
