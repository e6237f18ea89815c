"""Whether the last sample of the monitor is recent."""

from __future__ import annotations

import msgspec

from jetson_deploy.monitor.monitor import Monitor

STALE_PERIODS = 3


class Age(msgspec.Struct, frozen=True, kw_only=True):
    seconds: float | None
    """Of the last sample; None: there is none yet."""
    stale: bool
    text: str
    """One line for people."""


def age_of(monitor: Monitor, now: float) -> Age:
    """`now` by time.monotonic. Older than 3 periods is stale, and so is nothing at all."""
    latest = monitor.latest
    if latest is None:
        return Age(seconds=None, stale=True, text="no sample yet")
    seconds = max(0.0, now - latest.sample.monotonic)
    if seconds > STALE_PERIODS * monitor.period:
        text = f"stale: the last sample is {seconds:.0f} s old, one is due every {monitor.period:g} s"
        return Age(seconds=seconds, stale=True, text=text)
    return Age(seconds=seconds, stale=False, text=f"ok: the last sample is {seconds:.1f} s old")
