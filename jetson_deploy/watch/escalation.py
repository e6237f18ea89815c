"""What is done about a fault: the gentlest first, with back-off, within a limit, and then not any more. Pure.

Reload the model where that may do, restart the container (Docker's own restarts count), roll back once, and then
leave it to somebody. A time of health starts it anew; what was restarted within the window still counts.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from jetson_deploy.watch.judge import Fault, Kind

BACK_OFF_SECONDS = 15.0
"""Before the second restart; doubled for each further one."""
SETTLE_SECONDS = 20.0
"""After a reload, before it is judged."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    max_restarts: int
    window_seconds: float
    roll_back: bool


class Ladder(msgspec.Struct, frozen=True, kw_only=True):
    """Where healing stands."""

    kind: Kind | None = None
    """What is under way; None: all is well."""
    looks: int = 0
    noticed: tuple[Kind, ...] = ()
    """What was told since all was well: each kind once."""
    restarts: tuple[float, ...] = ()
    not_before: float = 0.0
    reloaded: bool = False
    rolled_back: bool = False
    gave_up: bool = False
    sound_since: float | None = None


class Action(msgspec.Struct, frozen=True, kw_only=True):
    what: Literal["notice", "reload", "restart", "unpause", "roll-back", "give-up", "recovered"]
    """notice: only to be told."""


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What a look says to the ladder."""

    fault: Fault | None
    sound: bool
    """It was asked and it serves. Neither: it starts, loads, or cannot be judged."""
    restarts: int = 0
    """By Docker, since the look before."""
    can_roll_back: bool = False


def climb(ladder: Ladder, look: Look, now: float, limits: Limits) -> tuple[Ladder, tuple[Action, ...]]:
    """The next state, and what is to be done now, in order."""
    recent = tuple(at for at in ladder.restarts if now - at < limits.window_seconds)
    ladder = msgspec.structs.replace(ladder, restarts=recent + (now,) * look.restarts)
    fault = look.fault
    if fault is None:
        return _well(ladder, now, limits) if look.sound else (msgspec.structs.replace(ladder, looks=0), ())
    looks = ladder.looks + 1 if fault.kind == ladder.kind else 1
    ladder = msgspec.structs.replace(ladder, kind=fault.kind, looks=looks, sound_since=None)
    if ladder.looks < fault.looks:
        return ladder, ()
    told: tuple[Action, ...] = ()
    if fault.kind not in ladder.noticed and not ladder.gave_up:
        ladder = msgspec.structs.replace(ladder, noticed=(*ladder.noticed, fault.kind))
        told = (Action(what="notice"),)
    ladder, action = _cure(ladder, fault, now, limits, look.can_roll_back)
    return ladder, (*told, action) if action else told


def _well(ladder: Ladder, now: float, limits: Limits) -> tuple[Ladder, tuple[Action, ...]]:
    """`rolled_back` stays: going back and forth between two revisions heals nothing."""
    if ladder.kind is None:
        return ladder, ()
    since = now if ladder.sound_since is None else ladder.sound_since
    if ladder.gave_up and now - since < limits.window_seconds:
        # One that was given up and crashes on must not fill the history each time that it lives for a moment.
        return msgspec.structs.replace(ladder, sound_since=since, looks=0), ()
    calm = Ladder(restarts=ladder.restarts, rolled_back=ladder.rolled_back)
    return calm, (Action(what="recovered"),) if ladder.noticed else ()


def _cure(
    ladder: Ladder, fault: Fault, now: float, limits: Limits, can_roll_back: bool
) -> tuple[Ladder, Action | None]:
    if ladder.gave_up or now < ladder.not_before:
        return ladder, None
    if fault.cure == "reload" and not ladder.reloaded:
        changed = msgspec.structs.replace(ladder, reloaded=True, not_before=now + SETTLE_SECONDS, looks=0)
        return changed, Action(what="reload")
    done = len(ladder.restarts)
    spent = done > limits.max_restarts if fault.cure in ("none", "wait") else done >= limits.max_restarts
    if spent:
        return _last_resort(ladder, now, limits, can_roll_back)
    if fault.cure in ("none", "wait"):
        return ladder, None
    changed = msgspec.structs.replace(
        ladder, restarts=(*ladder.restarts, now), not_before=now + BACK_OFF_SECONDS * 2**done, looks=0
    )
    return changed, Action(what="unpause" if fault.cure == "unpause" else "restart")


def _last_resort(ladder: Ladder, now: float, limits: Limits, can_roll_back: bool) -> tuple[Ladder, Action]:
    if limits.roll_back and can_roll_back and not ladder.rolled_back:
        changed = msgspec.structs.replace(ladder, rolled_back=True, restarts=(), not_before=now, looks=0)
        return changed, Action(what="roll-back")
    return msgspec.structs.replace(ladder, gave_up=True), Action(what="give-up")
