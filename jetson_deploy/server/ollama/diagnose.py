"""Why a deployment does not work, from its container's end and its log.

The knowledge is the catalog's (`Issue.symptoms`); here is only the order in which causes are believed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import msgspec

from jetson_deploy.catalog.entries import Issue

_OOM = "oom-killer"

_FIRST = (
    "wrong-arch",
    "image-without-ollama",
    "port-in-use",
    "keypair-unwritable",
    "csv-libs-missing",
    "image-l4t-major-mismatch",
    "image-cuda-newer-than-driver",
    "unknown-model-arch",
    "blob-corrupt",
    "manifest-corrupt",
    "disk-full",
    "nvmap-36-4-7",
    _OOM,
    "load-mode-dio-oom",
    "host-ollama-gpu-segfault",
    "slow-sd",
)
"""What ends a server or a load, most certain first: an OOM kill comes late because exit code 137 is also
that of a plain `docker kill`."""

_GPU_UNUSED = (
    "nonroot-gpu",
    "jp7-orin-cpu",
    "cpu-fallback-jetpack-env",
    "upstream-glibc",
    "gpu-lost-daemon-reload",
    "jp4-nano-no-gpu",
    "cpu-fallback-llm-library",
    "nvmap-fragmentation",
    "cpu-fallback",
)
"""The server runs, on the CPU: believed only when nothing above explains it; the general one last."""

_PHASES = ("preflight", "start", "serve")


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    """Of the catalog's issue."""
    title: str
    hint: str
    """First remedy; the issue holds all."""
    evidence: str
    """The log line that shows it, or the state that the engine reported."""


def likely_cause(log: str, *, exit_code: int | None, oom_killed: bool, issues: Mapping[str, Issue]) -> Cause | None:
    """The most believable cause among the known issues; None when nothing known fits.

    `issues` by id. `exit_code` and `oom_killed` as the engine reports them.
    """
    if oom_killed:
        return _cause(_OOM, issues.get(_OOM), "the engine reports that the kernel killed it (OOMKilled)")
    text = log if exit_code is None else f"{log}\nexit code {exit_code}"
    for id_ in _in_order(issues):
        evidence = _evidence(text, issues[id_])
        if evidence is not None:
            return _cause(id_, issues[id_], evidence)
    return None


def _in_order(issues: Mapping[str, Issue]) -> Iterator[str]:
    known = (*_FIRST, *_GPU_UNUSED)
    rest = sorted(
        id_
        for id_, issue in issues.items()
        if id_ not in known and issue.phase in _PHASES and issue.severity == "block"
    )
    return (id_ for id_ in (*_FIRST, *rest, *_GPU_UNUSED) if id_ in issues)


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
    hint = issue.advice or next(iter(issue.fix), "`jetson-deploy logs` shows what the server wrote")
    return Cause(id=id_, title=issue.title, hint=hint, evidence=evidence)
