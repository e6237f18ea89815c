"""`--threshold ALERT=VALUE`: the value, refused where no reading could ever pass it."""

from __future__ import annotations

import math
from typing import NoReturn

from jetson_deploy.catalog.alert_rules import AlertRule
from jetson_deploy.errors import UsageError
from jetson_deploy.monitor.signals import SIGNALS
from jetson_deploy.names import shown

_SUFFIXES = {"%": 0.01, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_SIGNS = {"ratio": "%", "bytes": "KMG"}
"""Unit of a signal → what may stand behind the number."""


def read_limit(rule: AlertRule, text: str, number: str) -> float:
    """`text`: the option as it was typed. `10%` is 0.1, K M G are binary. Raises UsageError `bad-threshold`.

    A limit that nothing can reach would turn an alert off, or on for ever, without a word.
    """
    limit = _number(text, number)
    signal = SIGNALS.get(rule.signal)
    if signal is None:  # reported by `rules.checked`
        return limit
    if signal.unit == "flag":
        _refuse(
            f"--threshold {shown(text)}: {rule.id} happens or does not, it has no limit",
            f"jetson-deploy monitor alerts --silence {rule.id} --for 1d keeps it quiet",
        )
    sign = number[-1:] if number[-1:] in _SUFFIXES else ""
    if sign not in _SIGNS.get(signal.unit, ""):
        _refuse(f"--threshold {shown(text)}: the limit of {rule.id} is not in {sign}", f"it is {rule.limit:g} now")
    if signal.unit == "ratio" and not 0 <= limit <= 1:
        _refuse(f"--threshold {shown(text)} is not between 0% and 100%", f"it is {rule.limit * 100:g}% now")
    if limit < 0 and signal.unit != "celsius":
        _refuse(f"--threshold {shown(text)} is below 0", f"it is {rule.limit:g} now")
    return limit


def _number(text: str, number: str) -> float:
    factor = _SUFFIXES.get(number[-1:])
    try:
        value = float(number[:-1] if factor else number) * (factor or 1)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        _refuse(f"--threshold {shown(text)} holds no number", "a number, 15% or 5G")
    return value


def _refuse(problem: str, hint: str) -> NoReturn:
    raise UsageError(problem, hint=hint, code="bad-threshold")
