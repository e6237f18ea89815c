"""Judge samples by the alert rules. Pure: the only time is the sample's own; the wall clock is shown and never counted.

A Prometheus alert differs in its windows alone: rules and signals are the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import msgspec

from jetson_deploy.catalog.alert_rules import AlertRule
from jetson_deploy.monitor.alerts.alert_state import UNKNOWN_SECONDS, AlertState
from jetson_deploy.monitor.alerts.firing import SEVERITIES, Change, Firing
from jetson_deploy.monitor.alerts.rules import checked, with_thresholds
from jetson_deploy.monitor.alerts.window import Window
from jetson_deploy.monitor.sample import Sample
from jetson_deploy.monitor.signals import SIGNALS

Key = tuple[str, str]


class Silent(Protocol):
    """`silences.Silences`."""

    def silenced(self, id_: str, at: float) -> bool: ...


class RuleState(msgspec.Struct, frozen=True, kw_only=True):
    """The state of one rule and subject at the last sample."""

    id: str
    subject: str
    state: Literal["firing", "pending", "hidden", "fine", "unknown"]
    value: float | None
    seconds: float = 0.0
    """So long it has held."""


class Judge:
    """`at_once`: without hold times, for a single sample. Raises UsageError for a wrong threshold, CatalogError for a
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
        self._states: dict[Key, AlertState] = {}
        self._firing: dict[Key, Firing] = {}
        self._rule_states: list[RuleState] = []

    @property
    def firing(self) -> tuple[Firing, ...]:
        """The worst first, silenced ones behind the others."""
        return tuple(sorted(self._firing.values(), key=_rank))

    @property
    def rule_states(self) -> tuple[RuleState, ...]:
        """Of the last sample, every rule at least once."""
        return tuple(self._rule_states)

    def judge(self, sample: Sample) -> tuple[Change, ...]:
        window = self._window.add(sample)
        values = {name: SIGNALS[name].read(window) for name in {rule.signal for rule in self.rules.values()}}
        changes: list[Change] = []
        self._rule_states = []
        for rule in self.rules.values():
            found = values[rule.signal]
            subjects = [
                *found,
                *(subject for id_, subject in self._states if id_ == rule.id and subject not in found),
            ]
            for subject in subjects:
                changes += self._judge_one(rule, subject, found.get(subject), window)
            if not subjects:
                self._rule_states.append(RuleState(id=rule.id, subject="", state="unknown", value=None))
        return tuple(changes)

    def _judge_one(self, rule: AlertRule, subject: str, value: float | None, window: Sequence[Sample]) -> list[Change]:
        key = (rule.id, subject)
        sample = window[-1]
        state = self._states.setdefault(key, AlertState(rule, at_once=self._at_once))
        hider = self._hider(rule, subject)
        if hider is not None:
            state.drop()
        event = state.step(value, sample.monotonic) if hider is None else None
        self._rule_states.append(_rule_state(state, rule, subject, value, sample, hidden=hider is not None))
        changes = []
        if state.firing:
            alert = self._firing[key] = self._alert(state, subject, window)
            changes = [Change(at=sample.at, state="firing", alert=alert)] if event == "fires" else []
        elif key in self._firing:
            words = f"It is part of {hider} now." if hider else _end(event)
            changes = [self._ended(key, words, value, sample)]
        if state.idle:
            del self._states[key]
        return changes

    def _hider(self, rule: AlertRule, subject: str) -> str | None:
        for id_, other in self._firing:
            if id_ in rule.hidden_by and (other == subject or "" in (other, subject)):
                return id_
        return None

    def _alert(self, state: AlertState, subject: str, window: Sequence[Sample]) -> Firing:
        rule, sample = state.rule, window[-1]
        words: dict[str, object] = {name: word(window, subject) for name, word in SIGNALS[rule.signal].words.items()}
        words.update(value=state.value, limit=rule.limit, subject=subject)
        held = sample.monotonic - (state.since if state.since is not None else sample.monotonic)
        return Firing(
            id=rule.id,
            subject=subject,
            severity=rule.severity,
            title=rule.title,
            cause=rule.cause.format_map(words),
            fix=rule.fix.format_map(words),
            value=state.value,
            since=sample.at - held,
            silenced=self._silences is not None and self._silences.silenced(rule.id, sample.at),
        )

    def _ended(self, key: Key, words: str, value: float | None, sample: Sample) -> Change:
        alert = msgspec.structs.replace(self._firing.pop(key), cause=words, fix="", value=value)
        return Change(at=sample.at, state="resolved", alert=alert)


def _end(event: str | None) -> str:
    if event == "value lost":
        return f"No value for {UNKNOWN_SECONDS:.0f} s: whether the condition still holds is unknown."
    return "The condition no longer holds."


def _rule_state(
    alert_state: AlertState, rule: AlertRule, subject: str, value: float | None, sample: Sample, *, hidden: bool
) -> RuleState:
    state: Literal["firing", "pending", "hidden", "fine", "unknown"]
    if alert_state.firing:
        state = "firing"
    elif hidden and value is not None and rule.holds(value):
        state = "hidden"
    elif alert_state.since is not None:
        state = "pending"
    else:
        state = "unknown" if value is None else "fine"
    held = 0.0 if alert_state.since is None else sample.monotonic - alert_state.since
    return RuleState(id=rule.id, subject=subject, state=state, value=value, seconds=held)


def _rank(alert: Firing) -> tuple[bool, int, float, str, str]:
    return (alert.silenced, SEVERITIES.index(alert.severity), alert.since, alert.id, alert.subject)
