"""Why a deployment does not work, from its container's end and its log.

The knowledge is the catalog's: `Issue.symptoms`, and by `Issue.rank` and `Issue.explains` the order of belief.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from jetson_deploy.catalog.entries import OOM_KILLED, Issue
from jetson_deploy.server.port import Cause

_UNRANKED = 500
_PHASES = ("preflight", "start", "serve")


def causes(log: str, *, exit_code: int | None, oom_killed: bool, issues: Mapping[str, Issue]) -> Iterator[Cause]:
    """The known issues that fit, the most believable first. That the kernel killed it explains all else."""
    if oom_killed:
        yield _cause(OOM_KILLED, issues.get(OOM_KILLED), "the engine reports that the kernel killed it (OOMKilled)")
        return
    text = log if exit_code is None else f"{log}\nexit code {exit_code}"
    for issue in believed_order(issues.values()):
        evidence = _evidence(text, issue)
        if evidence is not None:
            yield _cause(issue.id, issue, evidence)


def believed_order(issues: Iterable[Issue]) -> list[Issue]:
    """The issues that can be a cause, most certain first; that the CPU serves is believed when nothing else fits."""
    return sorted(
        filter(_can_be_a_cause, issues),
        key=lambda issue: ("gpu-unused" in issue.explains, issue.rank or _UNRANKED, issue.id),
    )


def _can_be_a_cause(issue: Issue) -> bool:
    ranked = issue.rank is not None or bool(issue.explains)
    return ranked or (issue.phase in _PHASES and issue.severity == "block")


def _evidence(text: str, issue: Issue) -> str | None:
    for symptom in issue.symptoms:
        for match in re.finditer(symptom, text, re.IGNORECASE):
            if not _is_healthy(match):
                return _line_of(text, match)
    return None


def _is_healthy(match: re.Match[str]) -> bool:
    """`offloaded 29/29 layers`: the pattern for a partial offload fits the full one too."""
    groups = match.groups()
    return len(groups) == 2 and groups[0] is not None and groups[0] == groups[1]


def _line_of(text: str, match: re.Match[str]) -> str:
    start = text.rfind("\n", 0, match.start()) + 1
    end = text.find("\n", match.start())
    return text[start : end if end >= 0 else len(text)].strip()[:500]


def _cause(id_: str, issue: Issue | None, evidence: str) -> Cause:
    if issue is None:
        return Cause(id=id_, title="out of memory", hint="free memory, or choose a smaller model", evidence=evidence)
    hint = issue.advice or next(iter(issue.fix), "`jetson-deploy logs` shows the server's output")
    return Cause(id=id_, title=issue.title, hint=hint, evidence=evidence)
