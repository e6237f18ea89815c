"""Which known issues a host shows: the probes of the catalog asked of its facts. Pure.

A condition is true, false, or not known; an issue is judged when one of its conditions is false, or all are true.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from msgspec import UNSET

from jetson_deploy.catalog.bounded import search
from jetson_deploy.catalog.entries import Issue
from jetson_deploy.catalog.probe import Condition, Probe, placeholders
from jetson_deploy.catalog.symptoms import advice, compiled
from jetson_deploy.deployment.finding import Finding, Severity
from jetson_deploy.detect.looked import LookedAt
from jetson_deploy.errors import PreflightError
from jetson_deploy.facts import HostFacts
from jetson_deploy.plan.image_place import image_disk, images_in_containerd

SEVERITIES: dict[str, Severity] = {"block": "block", "degrade": "warning", "warn": "warning", "note": "note"}
_NUMBERS = re.compile(r"\d{1,9}(?:\.\d{1,9})*", re.ASCII)


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    findings: tuple[Finding, ...]
    unknown: dict[str, str]
    """Issues that could not be judged → what is not known of the host."""


def judge(facts: HostFacts, looked: LookedAt, issues: Iterable[Issue]) -> Judged:
    findings: list[Finding] = []
    unknown: dict[str, str] = {}
    for issue in issues:
        if issue.probe is None:
            continue
        answers = [_holds(one, facts, looked) for one in issue.probe.all]
        if all(answers):
            findings.append(_finding(issue, issue.probe, facts))
        elif False not in answers:
            unknown[issue.id] = _subject(issue.probe.all[answers.index(None)])
    return Judged(findings=tuple(findings), unknown=unknown)


def severity_of(issue: Issue) -> Severity:
    """Of what its probe shows."""
    own = issue.probe.severity if issue.probe is not None else UNSET
    return SEVERITIES[own if isinstance(own, str) else issue.severity]


def _finding(issue: Issue, probe: Probe, facts: HostFacts) -> Finding:
    severity = severity_of(issue)
    return Finding(
        id=issue.id,
        severity=severity,
        evidence=_filled(probe.evidence, facts),
        cause=issue.title,
        fix=advice(issue),
        exit_code=PreflightError.exit_code if severity == "block" else 0,
    )


def _filled(evidence: str, facts: HostFacts) -> str:
    for path in set(placeholders(evidence)):
        known = [str(value) for value in values(facts, path) if value is not None]
        said = ", ".join(dict.fromkeys(known)) or "unknown"
        evidence = evidence.replace("{" + path + "}", said)
    return evidence


def _holds(condition: Condition, facts: HostFacts, looked: LookedAt) -> bool | None:
    if isinstance(condition.module, str):
        is_there = looked.modules.get(condition.module.replace("-", "_"))
        return None if is_there is None else is_there is condition.present
    if isinstance(condition.file, str):
        return _of_file(condition, condition.file, looked)
    answers = [None if value is None else _compares(condition, value) for value in values(facts, str(condition.fact))]
    return True if True in answers else None if None in answers else False


def _of_file(condition: Condition, path: str, looked: LookedAt) -> bool | None:
    text = looked.files.get(path)
    if text is None and path not in looked.absent:
        return None
    if isinstance(condition.present, bool):
        return (text is not None) is condition.present
    return text is not None and search(compiled(str(condition.matches)), text) is not None


def _subject(condition: Condition) -> str:
    """What it asks of, for people."""
    subject = condition.of[0]
    name = str(getattr(condition, subject))
    return {"fact": name, "file": f"the file {name}", "module": f"the kernel's module {name}"}[subject]


def values(facts: HostFacts, path: str) -> Iterator[Any]:
    """Those that the path leads to; None for each that is not known."""
    first, _, rest = path.partition(".")
    start: Any
    if first == "image_disk":
        start = image_disk(facts)
    elif first == "images_in_containerd":
        start = images_in_containerd(facts.engine)
    else:
        start = getattr(facts, first)
    yield from _below(start, rest.split(".") if rest else [])


def _below(value: Any, names: list[str]) -> Iterator[Any]:
    if isinstance(value, tuple):
        for one in value:
            yield from _below(one, names)
    elif value is not None and names:
        yield from _below(getattr(value, names[0], None), names[1:])
    else:
        yield value


def _compares(condition: Condition, value: Any) -> bool:
    if condition.equals is not UNSET:
        return bool(value == condition.equals)
    if not isinstance(condition.one_of, msgspec.UnsetType):
        return value in condition.one_of
    if isinstance(condition.matches, str):
        return search(compiled(condition.matches), str(value)) is not None
    if condition.at_least is not UNSET:
        return _order(value, condition.at_least) >= 0
    return _order(value, condition.below) < 0


def _order(value: Any, limit: Any) -> float:
    """Below 0: the value is lower."""
    if isinstance(value, (int, float)) and isinstance(limit, (int, float)):
        return value - limit
    left, right = _version(str(value)), _version(str(limit))
    return (left > right) - (left < right)


def _version(text: str) -> tuple[int, ...]:
    """`5.15.148-tegra` → (5, 15, 148); what holds no number is lower than all."""
    found = _NUMBERS.search(text)
    numbers = [int(part) for part in found[0].split(".")] if found else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
