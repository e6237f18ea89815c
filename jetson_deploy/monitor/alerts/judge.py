"""Which alerts fire. Pure: the only time is the sample's own; the wall clock is shown and never counted.

A Prometheus alert differs in its windows alone: rules and signals are the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import msgspec

from jetson_deploy.catalog.alert_rules import AlertRule
from jetson_deploy.monitor.alerts.firing import SEVERITIES, Change, Firing
from jetson_deploy.monitor.alerts.rules import checked, with_thresholds
from jetson_deploy.monitor.alerts.standing import UNKNOWN_SECONDS, Standing
from jetson_deploy.monitor.alerts.window import Window
from jetson_deploy.monitor.sample import Sample
from jetson_deploy.monitor.signals import SIGNALS

Key = tuple[str, str]


class Silent(Protocol):
    """`silences.Silences`."""

    def silenced(self, id_: str, at: float) -> bool: ...


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """How a rule stands now, for people who ask about it."""

    id: str
    subject: str
    state: Literal["firing", "pending", "hidden", "fine", "unknown"]
    value: float | None
    seconds: float = 0.0
    """So long it has held."""


class Judge:
    """`at_once`: without hold times, for a single look. Raises UsageError for a wrong threshold, CatalogError for a
    rule that names a signal that does not exist."""

    def __init__(
        self,
        rules: Mapping[str, AlertRule],
        *,
        thresholds: Sequence[str] = (),
        silences: Silent | None = None,
        at_once: bool = False,
    ) -> None:
        self.rules = {rule.id: rule for rule in checked(with_thresholds(rules, thresholds))}
        self._silences, self._at_once = silences, at_once
        self._window = Window()
        self._standings: dict[Key, Standing] = {}
        self._told: dict[Key, Firing] = {}
        self._looks: list[Look] = []

    @property
    def firing(self) -> tuple[Firing, ...]:
        """The worst first, silenced ones behind the others."""
        return tuple(sorted(self._told.values(), key=_rank))

    @property
    def looks(self) -> tuple[Look, ...]:
        """Of the last sample, every rule at least once."""
        return tuple(self._looks)

    def judge(self, sample: Sample) -> tuple[Change, ...]:
        window = self._window.add(sample)
        values = {name: SIGNALS[name].read(window) for name in {rule.signal for rule in self.rules.values()}}
        changes: list[Change] = []
        self._looks = []
        for rule in self.rules.values():
            found = values[rule.signal]
            subjects = [
                *found,
                *(subject for id_, subject in self._standings if id_ == rule.id and subject not in found),
            ]
            for subject in subjects:
                changes += self._judge_one(rule, subject, found.get(subject), window)
            if not subjects:
                self._looks.append(Look(id=rule.id, subject="", state="unknown", value=None))
        return tuple(changes)

    def _judge_one(self, rule: AlertRule, subject: str, value: float | None, window: Sequence[Sample]) -> list[Change]:
        key = (rule.id, subject)
        sample = window[-1]
        standing = self._standings.setdefault(key, Standing(rule, at_once=self._at_once))
        hider = self._hider(rule, subject)
        if hider is not None:
            standing.drop()
        event = standing.step(value, sample.monotonic) if hider is None else None
        self._looks.append(_look(standing, rule, subject, value, sample, hidden=hider is not None))
        changes = []
        if standing.firing:
            alert = self._told[key] = self._alert(standing, subject, window)
            changes = [Change(at=sample.at, state="firing", alert=alert)] if event == "fires" else []
        elif key in self._told:
            words = f"It is part of {hider} now." if hider else _end(event)
            changes = [self._ended(key, words, value, sample)]
        if standing.idle:
            del self._standings[key]
        return changes

    def _hider(self, rule: AlertRule, subject: str) -> str | None:
        for id_, other in self._told:
            if id_ in rule.hidden_by and (other == subject or "" in (other, subject)):
                return id_
        return None

    def _alert(self, standing: Standing, subject: str, window: Sequence[Sample]) -> Firing:
        rule, sample = standing.rule, window[-1]
        words: dict[str, object] = {name: word(window, subject) for name, word in SIGNALS[rule.signal].words.items()}
        words.update(value=standing.value, limit=rule.limit, subject=subject)
        held = sample.monotonic - (standing.since if standing.since is not None else sample.monotonic)
        return Firing(
            id=rule.id,
            subject=subject,
            severity=rule.severity,
            title=rule.title,
            cause=rule.cause.format_map(words),
            fix=rule.fix.format_map(words),
            value=standing.value,
            since=sample.at - held,
            silenced=self._silences is not None and self._silences.silenced(rule.id, sample.at),
        )

    def _ended(self, key: Key, words: str, value: float | None, sample: Sample) -> Change:
        alert = msgspec.structs.replace(self._told.pop(key), cause=words, fix="", value=value)
        return Change(at=sample.at, state="resolved", alert=alert)


def _end(event: str | None) -> str:
    if event == "out of sight":
        return f"It cannot be seen any more: no value for {UNKNOWN_SECONDS:.0f} s. Nobody knows whether it is over."
    return "It is over."


def _look(
    standing: Standing, rule: AlertRule, subject: str, value: float | None, sample: Sample, *, hidden: bool
) -> Look:
    state: Literal["firing", "pending", "hidden", "fine", "unknown"]
    if standing.firing:
        state = "firing"
    elif hidden and value is not None and rule.holds(value):
        state = "hidden"
    elif standing.since is not None:
        state = "pending"
    else:
        state = "unknown" if value is None else "fine"
    held = 0.0 if standing.since is None else sample.monotonic - standing.since
    return Look(id=rule.id, subject=subject, state=state, value=value, seconds=held)


def _rank(alert: Firing) -> tuple[bool, int, float, str, str]:
    return (alert.silenced, SEVERITIES.index(alert.severity), alert.since, alert.id, alert.subject)
