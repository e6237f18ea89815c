"""Searches of patterns that anyone may have written, in bounded time: an overlay's must not hold up the tool.

Python's `re` looks for signals while it searches, and a handler's exception ends it. Handlers run in the main thread
alone: in another one a pattern that can take for ever is not tried.
"""

from __future__ import annotations

import functools
import re
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

from jetson_deploy.catalog.required import plain

SECONDS = 2.0
"""Of this thread's CPU time. All built-in patterns on a text of 4 MiB take less together."""
_REPEATED = ("*", "+", "{")
_T = TypeVar("_T")
_given_up: dict[re.Pattern[str], None] = {}


class _TooLongError(Exception):
    pass


def search(pattern: re.Pattern[str], text: str, seconds: float = SECONDS) -> re.Match[str] | None:
    """None too where it takes too long: `given_up` names it, and it is not tried again."""
    return _bounded(pattern, lambda: pattern.search(text), seconds)


def all_matches(pattern: re.Pattern[str], text: str) -> list[re.Match[str]]:
    return _bounded(pattern, lambda: list(pattern.finditer(text)), SECONDS) or []


def given_up() -> tuple[str, ...]:
    """What this process has stopped asking for, in words."""
    return tuple(f"the pattern {pattern.pattern}: it takes too long" for pattern in _given_up)


def _bounded(pattern: re.Pattern[str], look: Callable[[], _T], seconds: float) -> _T | None:
    if pattern in _given_up:
        return None
    try:
        if threading.current_thread() is threading.main_thread():
            return _timed(look, seconds)
        if not repeats_a_repeat(pattern.pattern):
            return look()
    except _TooLongError:
        pass
    _given_up[pattern] = None
    return None


def _timed(look: Callable[[], _T], seconds: float) -> _T:
    began, is_over = time.thread_time(), False

    def stop(_signal: int, _frame: FrameType | None) -> None:
        """The timer counts the time of all threads."""
        if not is_over and time.thread_time() - began >= seconds:
            raise _TooLongError

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds, seconds / 4)
    try:
        return look()
    finally:
        is_over = True  # a signal of this moment raises no more
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


@functools.lru_cache(maxsize=2048)
def repeats_a_repeat(pattern: str) -> bool:
    """A group that is repeated and in which something is repeated or chosen: what can take for ever."""
    groups = [False]
    for at, char in plain(pattern):
        if char == "(":
            groups.append(False)
        elif char == ")" and len(groups) > 1:
            inner = groups.pop()
            if inner and pattern[at + 1 : at + 2] in _REPEATED:
                return True
            groups[-1] |= inner
        elif char in (*_REPEATED, "|"):
            groups[-1] = True
    return False
