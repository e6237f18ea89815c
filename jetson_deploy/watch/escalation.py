"""The actions on a fault: the gentlest first, with back-off, within a limit, and then no more. Pure.

Reload the model where that may help, restart the container (Docker's own restarts count), roll back once, and then
ask for manual action. A time of health starts it anew; restarts within the window still count.
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


class Escalation(msgspec.Struct, frozen=True, kw_only=True):
    """The state of healing."""

    kind: Kind | None = None
    """The fault that is treated; None: healthy."""
    in_a_row: int = 0
    noticed: tuple[Kind, ...] = ()
    """Faults reported since it was healthy: each kind once."""
    restarts: tuple[float, ...] = ()
    not_before: float = 0.0
    reloaded: bool = False
    rolled_back: bool = False
    gave_up: bool = False
    sound_since: float | None = None


class Action(msgspec.Struct, frozen=True, kw_only=True):
    what: Literal["notice", "reload", "restart", "unpause", "roll-back", "give-up", "recovered"]
    """notice: only reported."""


class Assessment(msgspec.Struct, frozen=True, kw_only=True):
    """An observation, judged."""

    fault: Fault | None
    sound: bool
    """It was asked and it serves. Neither: it starts, loads, or cannot be judged."""
    restarts: int = 0
    """By Docker, since the observation before."""
    can_roll_back: bool = False


def next_action(
    escalation: Escalation, assessed: Assessment, now: float, limits: Limits
) -> tuple[Escalation, tuple[Action, ...]]:
    """The next state, and the actions now, in order."""
    recent = tuple(at for at in escalation.restarts if now - at < limits.window_seconds)
    escalation = msgspec.structs.replace(escalation, restarts=recent + (now,) * assessed.restarts)
    fault = assessed.fault
    if fault is None:
        return (
            _well(escalation, now, limits) if assessed.sound else (msgspec.structs.replace(escalation, in_a_row=0), ())
        )
    in_a_row = escalation.in_a_row + 1 if fault.kind == escalation.kind else 1
    escalation = msgspec.structs.replace(escalation, kind=fault.kind, in_a_row=in_a_row, sound_since=None)
    if escalation.in_a_row < fault.in_a_row:
        return escalation, ()
    notice: tuple[Action, ...] = ()
    if fault.kind not in escalation.noticed and not escalation.gave_up:
        escalation = msgspec.structs.replace(escalation, noticed=(*escalation.noticed, fault.kind))
        notice = (Action(what="notice"),)
    escalation, action = _cure(escalation, fault, now, limits, assessed.can_roll_back)
    return escalation, (*notice, action) if action else notice


def _well(escalation: Escalation, now: float, limits: Limits) -> tuple[Escalation, tuple[Action, ...]]:
    """`rolled_back` stays: going back and forth between two revisions heals nothing."""
    if escalation.kind is None:
        return escalation, ()
    since = now if escalation.sound_since is None else escalation.sound_since
    if escalation.gave_up and now - since < limits.window_seconds:
        # One that was given up and still crashes must not fill the history at each short run.
        return msgspec.structs.replace(escalation, sound_since=since, in_a_row=0), ()
    fresh = Escalation(restarts=escalation.restarts, rolled_back=escalation.rolled_back)
    return fresh, (Action(what="recovered"),) if escalation.noticed else ()


def _cure(
    escalation: Escalation, fault: Fault, now: float, limits: Limits, can_roll_back: bool
) -> tuple[Escalation, Action | None]:
    if escalation.gave_up or now < escalation.not_before:
        return escalation, None
    if fault.cure == "reload" and not escalation.reloaded:
        changed = msgspec.structs.replace(escalation, reloaded=True, not_before=now + SETTLE_SECONDS, in_a_row=0)
        return changed, Action(what="reload")
    done = len(escalation.restarts)
    spent = done > limits.max_restarts if fault.cure in ("none", "wait") else done >= limits.max_restarts
    if spent:
        return _last_resort(escalation, now, limits, can_roll_back)
    if fault.cure in ("none", "wait"):
        return escalation, None
    changed = msgspec.structs.replace(
        escalation, restarts=(*escalation.restarts, now), not_before=now + BACK_OFF_SECONDS * 2**done, in_a_row=0
    )
    return changed, Action(what="unpause" if fault.cure == "unpause" else "restart")


def _last_resort(escalation: Escalation, now: float, limits: Limits, can_roll_back: bool) -> tuple[Escalation, Action]:
    if limits.roll_back and can_roll_back and not escalation.rolled_back:
        changed = msgspec.structs.replace(escalation, rolled_back=True, restarts=(), not_before=now, in_a_row=0)
        return changed, Action(what="roll-back")
    return msgspec.structs.replace(escalation, gave_up=True), Action(what="give-up")
