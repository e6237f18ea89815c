"""What a run does one after the other: changes of the host, and lines of the book between them."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from jetson_deploy.prepare.after_reboot import GoOn, NoMore
from jetson_deploy.prepare.book import Entry
from jetson_deploy.prepare.changes import AnyChange


class Remembered(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the book, among the changes: a kill can come before and after it too."""

    step: str
    what: Literal["intended", "done", "undoing", "forgotten"]


Action: TypeAlias = Remembered | AnyChange | GoOn | NoMore


def doing(entry: Entry) -> list[Action]:
    ordered = _ordered(entry, [c for c in entry.changes if not (c.first or c.last)])
    return [Remembered(step=entry.step, what="intended"), *ordered, Remembered(step=entry.step, what="done")]


def undoing(entry: Entry) -> list[Action]:
    ordered = _ordered(entry, [c for c in reversed(entry.changes) if not (c.first or c.last)])
    return [Remembered(step=entry.step, what="undoing"), *ordered, Remembered(step=entry.step, what="forgotten")]


def _ordered(entry: Entry, middle: list[AnyChange]) -> list[AnyChange]:
    return [*(c for c in entry.changes if c.first), *middle, *(c for c in entry.changes if c.last)]


def described(action: Action, *, forward: bool) -> tuple[str, str]:
    if isinstance(action, Remembered):
        return "remember", f"{action.step}: {action.what}"
    kind = str(msgspec.to_builtins(action)["do"])
    if isinstance(action, GoOn | NoMore):
        return kind, action.text
    return kind, action.text if forward or action.last else f"undo: {action.text}"
