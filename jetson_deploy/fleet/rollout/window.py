"""When devices may be changed: hours of days, by the controller's own clock and time zone."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta

import msgspec

from jetson_deploy.errors import UsageError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)\s*-\s*([01]?\d|2[0-4]):([0-5]\d)")
_DAY_MINUTES = 24 * 60


class Window(msgspec.Struct, frozen=True, kw_only=True):
    days: tuple[str, ...] = DAYS
    """On which it opens; one that goes over midnight closes on the day after."""
    opens: int = 0
    closes: int = _DAY_MINUTES
    """Minutes of the day."""

    def is_open(self, now: datetime) -> bool:
        minute = now.hour * 60 + now.minute
        today, before = DAYS[now.weekday()], DAYS[(now.weekday() - 1) % 7]
        if self.opens < self.closes:
            return today in self.days and self.opens <= minute < self.closes
        return (today in self.days and minute >= self.opens) or (before in self.days and minute < self.closes)

    def next_opening(self, now: datetime) -> datetime:
        """Of a window that is closed."""
        days = (now.date() + timedelta(days=ahead) for ahead in range(8))
        starts = (
            datetime.combine(day, time(self.opens // 60, self.opens % 60), now.tzinfo)
            for day in days
            if DAYS[day.weekday()] in self.days
        )
        return next(start for start in starts if start > now)


def window(days: tuple[str, ...] | None, hours: str | None) -> Window:
    """Raises UsageError naming the key."""
    chosen = DAYS if days is None else tuple(day.strip().lower()[:3] for day in days)
    if not chosen or not set(chosen) <= set(DAYS):
        raise _wrong("days", days, "a list of " + ", ".join(DAYS))
    if hours is None:
        return Window(days=chosen)
    found = _HOURS.fullmatch(hours.strip())
    opens, closes = (int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])) if found else (0, 0)
    if opens == closes or closes > _DAY_MINUTES:
        raise _wrong("hours", hours, "from and to, as 22:00-05:00")
    return Window(days=chosen, opens=opens, closes=closes)


def _wrong(key: str, value: object, valid: str) -> UsageError:
    text = f"rollout.update_window.{key}: {ascii(value)[:60]} cannot be read"
    return UsageError(text, hint=f"give {valid}", code="bad-value")
