"""The answer of `monitor alerts` for people."""

from __future__ import annotations

from collections.abc import Iterator

from jetson_deploy.cli.formatting import aligned
from jetson_deploy.cli.monitor.screen import figures
from jetson_deploy.monitor.alerts.firing import SEVERITIES, Firing
from jetson_deploy.monitor.alerts.judge import RuleState
from jetson_deploy.monitor.alerts.overview import Overview, RuleNow
from jetson_deploy.units import size_text

_WORDS = {"celsius": " °C", "volts": " V", "per second": "/s"}
_SUBJECTS = 3


def alert_table(overview: Overview, *, verbose: bool = False) -> str:
    """What holds now comes first; `verbose` adds what each signal is."""
    lines = [f"simulated: {overview.simulated}"] if overview.simulated else []
    lines += [line for alert in overview.holding for line in _holding(overview, alert)]
    if overview.unseen:
        lines.append(f"not known: alerts of container, server and model; {overview.unseen}")
    elif not overview.holding:
        lines.append("nothing holds now")
    lines.append("")
    rules = sorted(overview.rules, key=lambda rule: (SEVERITIES.index(rule.severity), rule.id))
    rows = [("ALERT", "SEVERITY", "LIMIT", "HELD FOR", "NOW")]
    rows += [(rule.id, rule.severity, _limit(rule), figures.duration(rule.hold_seconds), _now(rule)) for rule in rules]
    lines += aligned(rows)
    if verbose:
        lines += ["", *aligned([(rule.id, rule.help) for rule in rules])]
    return "\n".join(lines)


def _holding(overview: Overview, alert: Firing) -> Iterator[str]:
    subject = f" ({alert.subject})" if alert.subject else ""
    rule = next(rule for rule in overview.rules if rule.id == alert.id)
    when = f"; fires after {figures.duration(rule.hold_seconds)}" if rule.hold_seconds else ""
    silenced = "; silenced" if alert.silenced else ""
    yield f"{alert.severity}: {alert.title}{subject} [{alert.id}{when}{silenced}]"
    yield f"  {alert.cause}"
    yield f"  {alert.fix}"


def _limit(rule: RuleNow) -> str:
    limit = rule.above if rule.above is not None else rule.below
    if rule.unit == "flag" and rule.above == 0:
        return "it happens"
    if limit == 0 and rule.above is not None and not rule.unit:
        return "any"
    return f"{'above' if rule.above is not None else 'below'} {_value(rule, limit)}"


def _now(rule: RuleNow) -> str:
    known = [look for look in rule.now if look.value is not None]
    if not known:
        words = "-"
    elif len(known) == 1 and not known[0].subject:
        words = _state(rule, known[0])
    else:
        words = ", ".join(f"{look.subject} {_state(rule, look)}".strip() for look in known[:_SUBJECTS])
        words += f" and {len(known) - _SUBJECTS} more" if len(known) > _SUBJECTS else ""
    return words + ("  (silenced)" if rule.silenced_until is not None else "")


def _state(rule: RuleNow, look: RuleState) -> str:
    value = _value(rule, look.value)
    if look.state == "firing":
        return "YES" if rule.unit == "flag" else f"{value} HOLDS"
    return f"{value} (part of another)" if look.state == "hidden" else value


def _value(rule: RuleNow, value: float | None) -> str:
    if value is None:
        return "-"
    if rule.unit == "flag":
        return "yes" if value else "no"
    if rule.unit == "ratio":
        return f"{value * 100:.3g} %"
    if rule.unit == "bytes":
        return size_text(int(value))
    return f"{value:.4g}{_WORDS.get(rule.unit, '')}"
