"""PromQL taken apart into words: which metrics an expression names, with which labels. Everything else is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from jetson_deploy.monitor.metrics import AGE_METRIC, ALERT_METRIC, BY_NAME

LABELS: Mapping[str, frozenset[str]] = {
    **{name: frozenset(metric.labels) for name, metric in BY_NAME.items()},
    ALERT_METRIC: frozenset({"alert", "severity", "subject"}),
    AGE_METRIC: frozenset(),
    "up": frozenset(),
    "ALERTS": frozenset({"alertname", "alertstate", "severity"}),
}
SCRAPED = frozenset({"instance", "job"})
_FUNCTIONS = frozenset(
    {
        "absent",
        "avg",
        "avg_over_time",
        "bottomk",
        "count",
        "increase",
        "last_over_time",
        "max",
        "max_over_time",
        "min",
        "min_over_time",
        "rate",
        "sum",
        "time",
        "vector",
    }
)
_OPERATORS = frozenset({"and", "or", "unless", "bool", "offset"})
_GROUPINGS = frozenset({"by", "on", "without", "ignoring", "group_left", "group_right"})
_TOKEN = re.compile(
    r'\s+|"(?:[^"\\]|\\.)*"|\[[^\]]*\]|[0-9.]+(?:e[+-]?[0-9]+)?[smhd]?'
    r"|(?P<word>[A-Za-z_:][\w:]*)|(?P<mark>[=!]~|[=!<>]=|.)"
)


def words(expression: str) -> list[str]:
    """Identifiers, and marks, without strings, ranges and numbers."""
    return [found["word"] or found["mark"] for found in _TOKEN.finditer(expression) if found["word"] or found["mark"]]


def metrics_of(expression: str) -> dict[str, set[str]]:
    """Metric → labels that it is chosen by. Raises ValueError for a word that means nothing."""
    return {name: chosen for name, chosen, _ in _looked_at(expression) if name}


def grouped_by(expression: str) -> set[str]:
    return {label for _, _, labels in _looked_at(expression) for label in labels}


def _looked_at(expression: str) -> Iterator[tuple[str, set[str], set[str]]]:
    found = words(expression)
    at = 0
    while at < len(found):
        word, following = found[at], found[at + 1] if at + 1 < len(found) else ""
        at += 1
        if not re.match(r"[A-Za-z_:]", word) or word in _OPERATORS:
            continue
        if word in _GROUPINGS and following == "(":
            end = found.index(")", at)
            yield "", set(), {one for one in found[at:end] if one not in "(,"}
            at = end
        elif word in LABELS:
            chosen: set[str] = set()
            if following == "{":
                end = found.index("}", at)
                chosen = {one for one in found[at:end] if re.match(r"[A-Za-z_]", one)}
                at = end
            yield word, chosen, set()
        elif word not in _FUNCTIONS or following not in ("(", "by"):
            raise ValueError(f"{word!r} in {expression}")


def wrong_labels(expression: str) -> set[str]:
    """Labels that the metrics of the expression do not have. Raises ValueError for an unknown word."""
    found = metrics_of(expression)
    wrong = {label for name, chosen in found.items() for label in chosen - LABELS[name] - SCRAPED}
    known = SCRAPED.union(*(LABELS[name] for name in found))
    return wrong | (grouped_by(expression) - known)
