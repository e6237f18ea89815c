"""The alert rules of the catalog as Prometheus' own, with recording rules for long windows and an eye on the monitors.

They are judged from what is scraped, so they come later than the monitor's own alerts, and also when it is gone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from jetson_deploy.catalog.alert_rules import AlertRule
from jetson_deploy.monitor.alerts.rules import checked
from jetson_deploy.monitor.dashboards.compose import JOB
from jetson_deploy.monitor.dashboards.panels import JOULES_PER_TOKEN, speed
from jetson_deploy.monitor.dashboards.rule_texts import literal_text, template
from jetson_deploy.monitor.dashboards.yaml_text import yaml_text
from jetson_deploy.monitor.metrics import AGE_METRIC, BY_NAME
from jetson_deploy.monitor.signals import SIGNALS, Signal

_BOARD = "{{ $labels.instance }}"
_STALE_SECONDS = 60
_GROUPED = re.compile(r"\(*\w+ by \(instance(, (?P<label>\w+))?\)")
_BARE = re.compile(r"(?P<name>jetson_\w+)(\{(?P<fixed>[^}]*)\})?")


def rules_text(rules: Mapping[str, AlertRule]) -> str:
    """rules.yml. Raises CatalogError for a rule whose signal does not exist."""
    # Prometheus evaluates a group in its order: a rule that hides another must be evaluated before it.
    ordered = checked(rules)
    groups = [
        {"name": "jetson-deploy-recorded", "rules": _recorded()},
        {"name": "jetson-deploy-monitors", "rules": _monitors()},
        {"name": "jetson-deploy", "rules": [_alert(rule, rules) for rule in ordered]},
    ]
    return yaml_text({"groups": groups}, "Made by jetson-deploy monitor dashboards from profiles/alerts.")


def alert_name(rule_id: str) -> str:
    """`thermal-near` → `JetsonThermalNear`."""
    return "Jetson" + "".join(part.capitalize() for part in rule_id.split("-"))


def expression(rule: AlertRule, rules: Mapping[str, AlertRule]) -> str:
    """It gives a series for each subject for which the rule holds."""
    signal = SIGNALS[rule.signal]
    mine = subject_label(signal)
    holds = f"({signal.promql}) {'>' if rule.above is not None else '<'} {rule.limit:.15g}"
    hiders: dict[str, list[str]] = {}
    for other in sorted(rule.hidden_by):
        same = mine and other in rules and subject_label(SIGNALS[rules[other].signal]) == mine
        hiders.setdefault(f"instance, {mine}" if same else "instance", []).append(alert_name(other))
    return holds + "".join(
        f' unless on ({on}) ALERTS{{alertname=~"{"|".join(names)}",alertstate="firing"}}'
        for on, names in sorted(hiders.items())
    )


def subject_label(signal: Signal) -> str:
    """The label that tells the series of a board apart; empty: there is one series."""
    found = _GROUPED.match(signal.promql) or _BARE.search(signal.promql)
    if found is None or found.re is _GROUPED:
        return (found and found["label"]) or ""
    fixed = re.findall(r"(\w+)=\"", found["fixed"] or "")
    return next((one for one in BY_NAME[found["name"]].labels if one not in fixed), "")


def _alert(rule: AlertRule, rules: Mapping[str, AlertRule]) -> dict[str, Any]:
    subject = subject_label(SIGNALS[rule.signal])
    return {
        "alert": alert_name(rule.id),
        "expr": expression(rule, rules),
        "for": f"{rule.hold_seconds:.0f}s",
        "keep_firing_for": f"{rule.clear_seconds:.0f}s",
        "labels": {"severity": rule.severity},
        "annotations": {
            "summary": f"{_BOARD}: {literal_text(rule.title)}",
            "description": template(rule.cause, rule, subject),
            "fix": template(rule.fix, rule, subject),
        },
    }


def _monitors() -> list[dict[str, Any]]:
    return [
        _watch(
            "JetsonMonitorGone",
            f'up{{job="{JOB}"}} == 0',
            "2m",
            "the monitor does not answer",
            "Prometheus could not read it for 2 minutes: the board, its network or the monitor is down.",
            "On the board: systemctl status jetson-deploy-monitor.",
            severity="critical",
        ),
        _watch(
            "JetsonSampleStale",
            f"{AGE_METRIC} > {_STALE_SECONDS}",
            "1m",
            "the monitor hangs",
            "It answers, but its last sample is {{ $value | humanizeDuration }} old.",
            "On the board: systemctl restart jetson-deploy-monitor.",
        ),
        _watch(
            "JetsonNoMonitors",
            f'absent(up{{job="{JOB}"}})',
            "5m",
            "no board is asked",
            "Prometheus has no target of the job.",
            "Check prometheus/targets.json.",
            board="fleet",
        ),
    ]


def _watch(
    name: str, expr: str, hold: str, title: str, cause: str, fix: str, *, severity: str = "warning", board: str = _BOARD
) -> dict[str, Any]:
    return {
        "alert": name,
        "expr": expr,
        "for": hold,
        "labels": {"severity": severity},
        "annotations": {"summary": f"{board}: {title}", "description": cause, "fix": fix},
    }


def _recorded() -> list[dict[str, Any]]:
    """What is dear to reckon over weeks, or asked for often."""
    return [
        {"record": "instance_model:jetson_llm_decode_tokens_per_second:rate5m", "expr": _plain(speed("decode"))},
        {"record": "instance_model:jetson_llm_prompt_tokens_per_second:rate5m", "expr": _plain(speed("prompt"))},
        {"record": "instance:jetson_joules_per_token:rate5m", "expr": _plain(JOULES_PER_TOKEN)},
        {
            "record": "instance:jetson_temperature_headroom_celsius:min",
            "expr": "min by (instance) (jetson_temperature_headroom_celsius)",
        },
    ]


def _plain(expr: str) -> str:
    """A panel's expression for all boards, over 5 minutes."""
    return expr.replace("{@,", "{").replace("{@}", "").replace("[R]", "[5m]")
