"""Why a deployment does not work, from its container's end and its log.

The knowledge is the catalog's (`catalog/symptoms.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from jetson_deploy.catalog.entries import OOM_KILLED, Issue
from jetson_deploy.catalog.symptoms import advice, believed_order, fitting
from jetson_deploy.server.cause import Cause

_OOM_KILLED = "the engine (OOMKilled), or the kernel's own count, says that it was killed for memory"


def causes(log: str, *, exit_code: int | None, oom_killed: bool, issues: Mapping[str, Issue]) -> Iterator[Cause]:
    """The known issues that fit, the most believable first. That the kernel killed it explains all else."""
    if oom_killed:
        yield _cause(OOM_KILLED, issues.get(OOM_KILLED), _OOM_KILLED)
        return
    text = log if exit_code is None else f"{log}\nexit code {exit_code}"
    for fit in fitting(text, believed_order(issues.values(), "log")):
        yield _cause(fit.issue.id, fit.issue, fit.line)


def _cause(id_: str, issue: Issue | None, evidence: str) -> Cause:
    if issue is None:
        return Cause(id=id_, title="out of memory", hint="free memory, or choose a smaller model", evidence=evidence)
    return Cause(id=id_, title=issue.title, hint=advice(issue), evidence=evidence)
