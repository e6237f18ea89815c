"""Every rule with its limit, and its state after a few samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from jetson_deploy.catalog.alert_rules import AlertRule
from jetson_deploy.monitor.alerts.firing import Firing, Severity
from jetson_deploy.monitor.alerts.judge import Judge, RuleState
from jetson_deploy.monitor.alerts.silences import EVERYTHING, Silences
from jetson_deploy.monitor.derived import model_side_looked_at, model_side_unseen
from jetson_deploy.monitor.monitor import Latest
from jetson_deploy.monitor.sample import Sample
from jetson_deploy.monitor.signals import SIGNALS


class RuleNow(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    title: str
    severity: Severity
    signal: str
    unit: str
    help: str
    """What the signal is."""
    above: float | None
    below: float | None
    clear: float | None
    hold_seconds: float
    clear_seconds: float
    hidden_by: tuple[str, ...]
    note: str
    silenced_until: float | None
    """Wall clock, seconds since 1970."""
    now: tuple[RuleState, ...]
    """`firing` here: the condition holds; hold times are not applied."""


class Overview(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="jetson-deploy.alerts/1"):
    at: float
    simulated: str | None = None
    rules: tuple[RuleNow, ...]
    holding: tuple[Firing, ...]
    """Alerts that a running monitor sends once the hold time of their rule is over."""
    unseen: str | None = None
    """Why those of container, server and model are not known; None: they are."""


class RuleOverview:
    """A listener with a judge of its own, which does not wait for any hold. Raises as `Judge` does."""

    def __init__(self, rules: Mapping[str, AlertRule], thresholds: Sequence[str], silences: Silences) -> None:
        self._judge = Judge(rules, thresholds=thresholds, silences=silences, at_once=True)
        self._silences = silences
        self._sample: Sample | None = None

    def receive(self, latest: Latest) -> None:
        self._sample = latest.sample
        self._judge.judge(latest.sample)

    @property
    def looked(self) -> bool:
        """The engine has given its first answer, or refused it."""
        return self._sample is not None and model_side_looked_at(self._sample)

    def overview(self) -> Overview:
        """After the last sample."""
        sample = self._sample or Sample(at=0.0, monotonic=0.0)
        return Overview(
            at=sample.at,
            simulated=sample.simulated,
            rules=tuple(self._rule(rule, sample.at) for _, rule in sorted(self._judge.rules.items())),
            holding=self._judge.firing,
            unseen=model_side_unseen(sample),
        )

    def _rule(self, rule: AlertRule, at: float) -> RuleNow:
        active = self._silences.active(at)
        ends = [active[name].end for name in (rule.id, EVERYTHING) if name in active]
        signal = SIGNALS[rule.signal]
        return RuleNow(
            id=rule.id,
            title=rule.title,
            severity=rule.severity,
            signal=rule.signal,
            unit=signal.unit,
            help=signal.help,
            above=rule.above,
            below=rule.below,
            clear=rule.clear,
            hold_seconds=rule.hold_seconds,
            clear_seconds=rule.clear_seconds,
            hidden_by=rule.hidden_by,
            note=rule.note,
            silenced_until=max(ends, default=None),
            now=tuple(state for state in self._judge.rule_states if state.id == rule.id),
        )
