"""Defer Ctrl-C where it must not interrupt at any line: staging ends in order, a rollback is not interrupted.

SIGTERM and SIGHUP, a lost ssh link, count as Ctrl-C. One that is ignored already (nohup) stays so.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

_POLL_SECONDS = 0.05
INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def shielded() -> Iterator[None]:
    """Ignore the interruptions inside the block (main thread only; elsewhere they do not arrive)."""
    with _handled(signal.SIG_IGN):
        yield


@contextlib.contextmanager
def noticed() -> Iterator[Callable[[], bool]]:
    """Inside the block the interruptions raise nothing; what is yielded tells whether one came.

    An exception could come between the start of a thread and the moment when it is recorded: that thread
    would then go on, unknown, after the answer was given.
    """
    came: list[int] = []
    with _handled(lambda seen, _frame: came.append(seen)):
        yield lambda: bool(came)


@contextlib.contextmanager
def to_its_end() -> Iterator[None]:
    """An interruption waits for the block: an engine would go on with it after we looked what is to be undone."""
    with noticed() as came:
        yield
    if came():
        raise KeyboardInterrupt


@contextlib.contextmanager
def stop_on_interruption() -> Iterator[threading.Event]:
    """Inside the block the interruptions raise nothing, they set the event; who works there ends in order."""
    stop = _Flag()
    with _handled(lambda _seen, _frame: stop.set()):
        yield stop


def answered() -> None:
    """From here on an interruption raises nothing: the answer is given, and the exit code with it.

    Not SIG_IGN, which a program that is started now would inherit.
    """
    _set(unheard)


def ignored() -> None:
    """To the end of the process: Python takes its handlers away before it has ended, and would die of the signal."""
    _set(signal.SIG_IGN)


def unheard(number: int, frame: FrameType | None) -> None:
    """Does nothing."""


def _set(handler: signal.Handlers | Callable[[int, FrameType | None], None]) -> None:
    if threading.current_thread() is threading.main_thread():
        for number in INTERRUPTIONS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, handler)


class _Flag(threading.Event):
    """An event without a lock: a handler may come while the same thread waits, and would wait for itself."""

    def __init__(self) -> None:
        super().__init__()
        self._came = False

    def set(self) -> None:
        self._came = True

    def is_set(self) -> bool:
        return self._came

    def wait(self, timeout: float | None = None) -> bool:
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self._came and (deadline is None or time.monotonic() < deadline):
            time.sleep(_POLL_SECONDS if deadline is None else min(_POLL_SECONDS, max(0.0, deadline - time.monotonic())))
        return self._came


@contextlib.contextmanager
def _handled(handler: signal.Handlers | Callable[[int, FrameType | None], None]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard = [number for number in INTERRUPTIONS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handler) for number in heard}
    try:
        yield
    finally:
        for number, usual in before.items():
            if signal.getsignal(number) is not unheard:  # the answer was given inside the block
                signal.signal(number, usual)
