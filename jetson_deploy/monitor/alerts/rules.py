"""The rules as this run of the monitor uses them: limits of the command line, signals and texts checked, in order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NoReturn

import msgspec

from jetson_deploy.catalog.alert_rules import AlertRule, places
from jetson_deploy.catalog.wording import suggestion
from jetson_deploy.errors import CatalogError, UsageError
from jetson_deploy.monitor.alerts.limits import read_limit
from jetson_deploy.monitor.signals import SIGNALS
from jetson_deploy.names import shown

_PLACES = frozenset({"value", "limit", "subject"})


def with_thresholds(rules: Mapping[str, AlertRule], thresholds: Sequence[str]) -> dict[str, AlertRule]:
    """`ID=VALUE` each; `10%` is 0.1, K M G are binary. `clear` keeps its distance. Raises UsageError."""
    changed = dict(rules)
    for text in thresholds:
        id_, equals, number = text.partition("=")
        if not equals:
            _refuse(f"--threshold {shown(text)} is not ALERT=VALUE", "for example --threshold ram-low=15%")
        rule = changed.get(id_.strip())
        if rule is None:
            _refuse(f"there is no alert {shown(id_)}", suggestion(id_, changed))
        changed[rule.id] = _moved(rule, read_limit(rule, text, number.strip()))
    return changed


def check_id(rules: Iterable[str], id_: str) -> str:
    """Raises UsageError with the nearest one."""
    known = list(rules)
    if id_ not in known:
        _refuse(f"there is no alert {shown(id_)}", suggestion(id_, known))
    return id_


def _moved(rule: AlertRule, limit: float) -> AlertRule:
    clear = None if rule.clear is None else rule.clear + (limit - rule.limit)
    if rule.above is not None:
        return msgspec.structs.replace(rule, above=limit, clear=clear)
    return msgspec.structs.replace(rule, below=limit, clear=clear)


def _refuse(problem: str, hint: str) -> NoReturn:
    raise UsageError(problem, hint=hint, code="bad-threshold" if "threshold" in problem else "no-such-alert")


def checked(rules: Mapping[str, AlertRule]) -> list[AlertRule]:
    """Those that hide others first. Raises CatalogError for a signal or a place in a text that does not exist."""
    for rule in rules.values():
        signal = SIGNALS.get(rule.signal)
        if signal is None:
            _wrong(rule, f"signal: {shown(rule.signal)} does not exist", suggestion(rule.signal, SIGNALS))
        known = _PLACES | set(signal.words)
        for key in ("cause", "fix"):
            for place in places(getattr(rule, key)):
                if place.name not in known:
                    _wrong(rule, f"{key}: nothing is called {{{place.name}}}", suggestion(place.name, sorted(known)))
                _check_format(rule, key, place.name, place.spec)
    return _hiders_first(rules)


def _check_format(rule: AlertRule, key: str, name: str, spec: str) -> None:
    try:
        format(1.5 if name in ("value", "limit") else "x", spec)
    except ValueError:
        _wrong(
            rule, f"{key}: {{{name}:{spec}}} cannot be formatted", "numbers: {value:.0f}, {value:.0%}; else {subject}"
        )


def _wrong(rule: AlertRule, problem: str, hint: str) -> NoReturn:
    raise CatalogError(f"profiles/alerts/{rule.id}.yaml: {problem}", hint=hint, code="catalog-dangling")


def _hiders_first(rules: Mapping[str, AlertRule]) -> list[AlertRule]:
    """Where two hide each other, the one that fires first stays."""
    order: dict[str, AlertRule] = {}
    entered: set[str] = set()

    def enter(id_: str) -> None:
        if id_ in entered:
            return
        entered.add(id_)
        for other in rules[id_].hidden_by:
            enter(other)
        order[id_] = rules[id_]

    for id_ in sorted(rules):
        enter(id_)
    return list(order.values())
