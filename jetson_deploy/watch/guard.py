"""The memory guard: the model goes before the kernel's OOM killer must choose, and comes back with the memory. Pure.

It sees MemAvailable and, where the kernel reports them, the stalls of all processes for memory (PSI). It does not see
that NvMap cannot give free memory: fragmentation and carveouts show as a model that is not on the GPU.
"""

from __future__ import annotations

from typing import Literal

import msgspec

STALL_PERCENT = 60.0
"""systemd-oomd's default limit of memory pressure (full avg10)."""
HELP_SECONDS = 5.0
"""So long unloading may take to show in MemAvailable."""
BACK_OFF_SECONDS = 30.0
"""Memory must have been back for so long; doubled for each time that it ran short within the window."""


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    available: int | None
    """MemAvailable in bytes."""
    stall: float | None = None
    """PSI: percent of the last 10 s in which no process could run for want of memory."""


class GuardLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes."""

    low: int
    """0: no guard."""
    reserve: int
    """Under pressure it is already short below this."""
    back: int
    """What the model needs, and the reserve."""
    max_times: int
    window_seconds: float


class Guard(msgspec.Struct, frozen=True, kw_only=True):
    stage: Literal["watching", "unloaded", "stopped"] = "watching"
    since: float = 0.0
    """Of the stage."""
    back_since: float | None = None
    times: tuple[float, ...] = ()
    gave_up: bool = False


GuardAction = Literal["unload", "stop", "load", "start", "give-up"]


def is_short(memory: Memory, limits: GuardLimits) -> bool:
    if memory.available is None or not limits.low:
        return False
    pressed = memory.stall is not None and memory.stall >= STALL_PERCENT
    return memory.available < (limits.reserve if pressed else limits.low)


def step(
    guard: Guard, memory: Memory, now: float, limits: GuardLimits, *, loaded: bool | None = None
) -> tuple[Guard, GuardAction | None]:
    """`loaded`: the server has the model in memory again, because a client asked."""
    short = is_short(memory, limits)
    if guard.stage == "watching":
        if not short:
            return guard, None
        times = (*(t for t in guard.times if now - t < limits.window_seconds), now)
        return Guard(stage="unloaded", since=now, times=times), "unload"
    settled = now - guard.since >= HELP_SECONDS
    if short:
        guard = msgspec.structs.replace(guard, back_since=None)
        if guard.stage == "unloaded" and settled:
            return msgspec.structs.replace(guard, stage="stopped", since=now), "stop"
        return guard, None
    if guard.stage == "unloaded" and settled and loaded:
        return Guard(times=guard.times), None
    return _until_back(guard, memory, now, limits)


def _until_back(guard: Guard, memory: Memory, now: float, limits: GuardLimits) -> tuple[Guard, GuardAction | None]:
    recent = [t for t in guard.times if now - t < limits.window_seconds]
    if len(recent) > limits.max_times:
        if guard.gave_up:
            return guard, None
        return msgspec.structs.replace(guard, gave_up=True), "give-up"
    if memory.available is None or memory.available < limits.back:
        return msgspec.structs.replace(guard, back_since=None), None
    if guard.back_since is None:
        guard = msgspec.structs.replace(guard, back_since=now)
    since = guard.back_since if guard.back_since is not None else now
    if now - since < BACK_OFF_SECONDS * 2 ** max(0, len(recent) - 1):
        return guard, None
    return Guard(times=guard.times), "start" if guard.stage == "stopped" else "load"
