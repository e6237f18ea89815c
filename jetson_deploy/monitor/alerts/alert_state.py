"""One alert of one subject: pending → firing → resolved, with hold and hysteresis. Time comes from outside."""

from __future__ import annotations

from typing import Literal

from jetson_deploy.catalog.alert_rules import AlertRule

UNKNOWN_SECONDS = 60.0
"""The value of a firing alert may be unknown for so long: one failed reading ends nothing. Then the alert ends with a
cause that says so: it must neither fire for ever without a value nor be reported as cleared."""

Event = Literal["fires", "clears", "value lost"]


class AlertState:
    """`now` is monotonic, in seconds. `at_once`: without any hold, for a single sample."""

    def __init__(self, rule: AlertRule, *, at_once: bool = False) -> None:
        self.rule = rule
        self.value: float | None = None
        self.since: float | None = None
        """When the condition began to hold, on the monotonic clock; None: it does not."""
        self.firing = False
        self._hold = 0.0 if at_once else rule.hold_seconds
        self._clear_since: float | None = None
        self._unknown_since: float | None = None

    def step(self, value: float | None, now: float) -> Event | None:
        if value is None:
            return self._value_lost(now)
        self.value = value
        self._known_again(now)
        if self.rule.holds(value):
            return self._holds(now)
        if not self.firing:
            self.since = None
            return None
        return self._clears(value, now)

    def drop(self) -> None:
        """As if it had never held."""
        self.since, self.firing, self._clear_since = None, False, None

    @property
    def idle(self) -> bool:
        return self.since is None and not self.firing

    def _holds(self, now: float) -> Event | None:
        self._clear_since = None
        if self.since is None:
            self.since = now
        if self.firing or now - self.since < self._hold:
            return None
        self.firing = True
        return "fires"

    def _clears(self, value: float, now: float) -> Event | None:
        if not self.rule.is_clear(value):
            self._clear_since = None
            return None
        if self._clear_since is None:
            self._clear_since = now
        if now - self._clear_since < self.rule.clear_seconds:
            return None
        self.drop()
        return "clears"

    def _value_lost(self, now: float) -> Event | None:
        if self._unknown_since is None:
            self._unknown_since = now
        if now - self._unknown_since < UNKNOWN_SECONDS:
            return None
        was_firing = self.firing
        self.drop()
        self.value = None
        return "value lost" if was_firing else None

    def _known_again(self, now: float) -> None:
        """Time without a value counts neither for the hold nor for the end."""
        if self._unknown_since is None:
            return
        gap, self._unknown_since = now - self._unknown_since, None
        if self.since is not None and not self.firing:
            self.since += gap
        if self._clear_since is not None:
            self._clear_since += gap
