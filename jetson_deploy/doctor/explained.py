"""Findings of all checks as causes of the catalog's: each cause once, the worst first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from jetson_deploy.catalog.entries import Issue
from jetson_deploy.catalog.symptoms import UNRANKED, advice
from jetson_deploy.deployment.finding import Finding
from jetson_deploy.doctor.finding import HostFinding

_ORDER = ("block", "warning", "note")


def explained(findings: Iterable[Finding], issues: Mapping[str, Issue]) -> tuple[HostFinding, ...]:
    """A check that has found its cause names it by the issue's title; else the check is the one that sees the issue."""
    by_check = {id_: one for one in issues.values() for id_ in (*one.checks, one.id)}
    by_title = {one.title: one for one in issues.values()}
    merged: dict[str, HostFinding] = {}
    for finding in findings:
        one = _explained(finding, by_title.get(finding.cause) or by_check.get(finding.id))
        merged[one.id] = _merged(merged[one.id], one) if one.id in merged else one
    return tuple(sorted(merged.values(), key=lambda one: _worst_first(one, issues.get(one.id))))


def _explained(finding: Finding, issue: Issue | None) -> HostFinding:
    details = "; ".join(finding.details)
    if issue is None:
        cause, evidence = (finding.cause, finding.evidence) if finding.cause else (finding.evidence, details)
        return HostFinding(id=finding.id, severity=finding.severity, cause=cause, evidence=evidence, fix=finding.fix)
    known = finding.cause in ("", issue.title)
    fix = finding.fix or advice(issue)
    return HostFinding(
        id=issue.id,
        severity=finding.severity,
        cause=issue.title,
        evidence="; ".join(filter(None, (finding.evidence if known else finding.text, details))),
        fix=fix,
        more_fixes=tuple(one for one in issue.fix if one != fix),
        undo=issue.undo,
        steps=issue.steps,
        source=issue.source,
    )


def _merged(first: HostFinding, second: HostFinding) -> HostFinding:
    """What the worse one says counts; what both have seen stands there."""
    worse, other = sorted((first, second), key=lambda one: _ORDER.index(one.severity))
    evidence = "; ".join(dict.fromkeys(filter(None, (worse.evidence, other.evidence))))
    return msgspec.structs.replace(worse, evidence=evidence)


def _worst_first(one: HostFinding, issue: Issue | None) -> tuple[int, int, str]:
    return _ORDER.index(one.severity), (issue.rank if issue else None) or UNRANKED, one.id
