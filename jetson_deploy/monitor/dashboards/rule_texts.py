"""The sentences of an alert rule as Prometheus' templates, which are Go's: what the monitor knows from its samples,
Prometheus looks up in its own series."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from string import Formatter

from jetson_deploy.catalog.alert_rules import AlertRule

_PERCENT, _BYTES = "humanizePercentage", "humanize1024"
_OTHER = "unknown"
_FORMAT = re.compile(r"(\.(?P<digits>[0-9]+))?(?P<kind>[fFgGdeE%])$")


def _asked(expression: str, shown: str, *labels: str) -> str:
    """`shown`: a template of what is found. `%s` in the expression stand for these labels of the alert."""
    values = "".join(f" $labels.{label}" for label in labels)
    # %q quotes as Go does, and PromQL reads it so.
    asked = json.dumps(expression.replace("%s", "%q"), ensure_ascii=False)
    return f"{{{{ with printf {asked}{values} | query }}}}{shown}{{{{ else }}}}{_OTHER}{{{{ end }}}}"


def _label(name: str) -> str:
    return f'{{{{ . | first | label "{name}" }}}}'


def _number(form: str, unit: str = "") -> str:
    return f'{{{{ . | first | value | printf "{form}" }}}}{unit}'


_NEAREST = "bottomk(1, jetson_temperature_headroom_celsius{instance=%s})"
_NEAREST_CELSIUS = f"max(jetson_temperature_celsius{{instance=%s}} and on (instance, zone) {_NEAREST})"
_SIZE = f"{{{{ . | first | value | {_BYTES} }}}}B"
_RATE = (
    'sum(rate(jetson_llm_tokens_total{instance=%s,model=%s,phase="decode"}[2m]))'
    ' / sum(rate(jetson_llm_token_seconds_total{instance=%s,model=%s,phase="decode"}[2m]))'
)
_ALL_MODELS = '{{ range $i, $m := . }}{{ if $i }}, {{ end }}{{ $m | label "model" }}{{ end }}'
WORDS: Mapping[str, str] = {
    "zone": _asked(_NEAREST, _label("zone"), "instance"),
    "celsius": _asked(_NEAREST_CELSIUS, _number("%.0f", " °C"), "instance", "instance"),
    "trip": _asked(
        f"{_NEAREST_CELSIUS} + min(jetson_temperature_headroom_celsius{{instance=%s}})",
        _number("%.0f", " °C"), *["instance"] * 3,
    ),
    "mode": _asked("jetson_power_mode_info{instance=%s}", _label("name"), "instance"),
    "before": _asked("last_over_time(jetson_power_mode_info{instance=%s}[1h] offset 5m)", _label("name"), "instance"),
    "duty": _asked(
        "jetson_fan_speed_ratio{instance=%s,fan=%s}", f"{{{{ . | first | value | {_PERCENT} }}}}", "instance", "fan"
    ),
    "current": _asked("jetson_current_amperes{instance=%s,rail=%s}", _number("%.2f", " A"), "instance", "rail")
    + " of "
    + _asked("jetson_current_critical_amperes{instance=%s,rail=%s}", _number("%.2f", " A"), "instance", "rail"),
    "available": _asked("jetson_memory_available_bytes{instance=%s}", _SIZE, "instance"),
    "free": _asked("jetson_disk_free_bytes{instance=%s,mount=%s}", _SIZE, "instance", "mount"),
    "why": "jetson-deploy monitor shows the cause",
    "state": _asked(
        "jetson_container_up{instance=%s}",
        "{{ if eq (. | first | value) 1.0 }}running{{ else }}not running{{ end }}", "instance",
    ),
    "model": _asked("jetson_llm_model_info{instance=%s}", _ALL_MODELS, "instance"),
    "listens": _asked("jetson_door_up{instance=%s}", _label("listens"), "instance"),
    "end": _asked(
        "jetson_door_certificate_end_timestamp_seconds{instance=%s}",
        "{{ . | first | value | humanizeTimestamp }}", "instance",
    ),
    "evidence": "the GPU has no part in it",
    "rate": _asked(_RATE, _number("%.1f", " tok/s"), *["instance", "model"] * 2),
}  # fmt: skip
"""What stands for a rule's `{word}`; every word of the signals has one. Subjects are labels of the alert itself."""


def template(text: str, rule: AlertRule, subject: str) -> str:
    """A `cause` or `fix` with its places filled in by Prometheus. `subject`: the label that holds it, or empty."""
    parts = []
    for literal, name, spec, _ in Formatter().parse(text):
        parts.append(literal_text(literal))
        if name == "value":
            parts.append(_value(spec or ""))
        elif name == "limit":
            parts.append(literal_text(format(rule.limit, spec or "g")))
        elif name == "subject":
            parts.append(f"{{{{ $labels.{subject} }}}}" if subject else "")
        elif name is not None:
            parts.append(WORDS.get(name, _OTHER))
    return "".join(parts)


def literal_text(text: str) -> str:
    """`{{` would begin an action of the template."""
    return text.replace("{{", '{{ "{{" }}')


def _value(spec: str) -> str:
    """Python's format of a number in Go's words."""
    found = _FORMAT.search(spec)
    if found is None:
        return "{{ $value | humanize }}"
    if found["kind"] == "%":
        return f"{{{{ $value | {_PERCENT} }}}}"
    kind = "f" if found["kind"] in "fdF" else "g"
    digits = found["digits"] or ("0" if found["kind"] == "d" else "")
    return f'{{{{ printf "%{"." + digits if digits else ""}{kind}" $value }}}}'
