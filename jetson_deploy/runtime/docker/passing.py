"""Refusals of a change that pass: the engine's view of a container is a moment old, and it is asked again.

Between the end of a process and the moment at which the engine has seen it, and between two starts of one that it
restarts, the engine asks containerd and runc for what is no more. Each text, with the place in the sources that says
it, and those that are alike and last, stand in tests/data/engine/refused-changes.yaml.
"""

from __future__ import annotations

import re
import time
from typing import NamedTuple

POLLS = 350
"""More than a minute: the engine waits as long at most before it starts a container once more."""
_LONG_POLLS = 3
"""For what the engine says after it has itself waited a dozen seconds."""


class Passing(NamedTuple):
    pattern: re.Pattern[str]
    polls: int = POLLS


def _text(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE | re.DOTALL)


_ENDED = (
    r"(?:not running|(?:stopped|deleted) (?:container|process)|already finished|no such (?:process|container)"
    r"|(?:task|container|process) \S+:? not found|does not exist|ttrpc: closed|unit \S+ not (?:found|loaded)"
    r"|cgroup\b.*no such (?:file or directory|device))"
)
_SLOW_END = Passing(_text(r"did not receive an exit event|is zombie and can not be killed"), _LONG_POLLS)
_KILLED = Passing(_text(rf"cannot kill container \S+ .*{_ENDED}|could not kill .*is not running"))

UPDATE = (Passing(_text(rf"cannot update container \w+: .*{_ENDED}")),)
RENAME = (Passing(_text(r"sandbox \w+ not found|no endpoint attached to network \S+ found")),)
"""Of one that the engine starts anew, after it was killed itself or after the container ended."""
STOP = (_SLOW_END, _KILLED)
REMOVE = (
    *STOP,
    Passing(_text(r"removal of container \S+ is already in progress")),
    Passing(_text(r"(?:remove|removing|removed|unmount\w*|unlinkat|rmdir) .*device or resource busy")),
)


class Again:
    """How often a request may be repeated; by count, so that a slow machine has as many tries."""

    def __init__(self, passing: tuple[Passing, ...], pause: float) -> None:
        self._left = {one.pattern: one.polls for one in passing}
        self._pause = pause

    def after(self, refusal: str) -> bool:
        """False: it lasts, or it has lasted too long."""
        pattern = next((one for one in self._left if one.search(refusal)), None)
        if pattern is None or self._left[pattern] == 0:
            return False
        self._left[pattern] -= 1
        time.sleep(self._pause)
        return True
