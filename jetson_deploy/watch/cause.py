"""Known issues in a log: the cause of a fault, and what shows before one is felt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from jetson_deploy.catalog.entries import Issue
from jetson_deploy.runtime.docker.http_client import EngineAwayError, PlainEngine
from jetson_deploy.runtime.port import ContainerState
from jetson_deploy.server.ollama.diagnose import Cause, likely_cause

LOST = ("nvmap-36-4-7", "nvmap-fragmentation", "gpu-lost-daemon-reload", "oom-killer", "load-mode-dio-oom")
"""Issues that mean GPU or memory is lost, where a log line of a running server shows them."""
_CAUSE_LINES = 400


def cause_of(
    engine: PlainEngine, found: ContainerState, issues: Mapping[str, Issue], *, accept_cpu: bool
) -> Cause | None:
    """From the end of the log; None when nothing known fits."""
    try:
        text = "\n".join(engine.log_tail(found.id, _CAUSE_LINES))
    except EngineAwayError:
        return None
    wanted = {i: issue for i, issue in issues.items() if not (accept_cpu and i.startswith("cpu-fallback"))}
    return likely_cause(text, exit_code=found.exit_code, oom_killed=found.oom_killed, issues=wanted)


def lost_in(lines: tuple[str, ...], issues: Mapping[str, Issue], *, accept_cpu: bool) -> Iterator[Cause]:
    """What new log lines say of GPU or memory being lost."""
    if not lines:
        return
    text = "\n".join(lines)
    for id_ in LOST:
        if id_ in issues and not (accept_cpu and id_ != "oom-killer"):
            cause = likely_cause(text, exit_code=None, oom_killed=False, issues={id_: issues[id_]})
            if cause is not None:
                yield cause
