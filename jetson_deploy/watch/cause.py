"""Known issues in a log: the cause of a fault, and signs that precede one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from jetson_deploy.catalog.entries import Issue
from jetson_deploy.runtime.port import ContainerState, EngineAwayError, Runtime
from jetson_deploy.server.cause import Cause
from jetson_deploy.server.diagnose import causes

_CAUSE_LINES = 400


def cause_of(
    runtime: Runtime,
    found: ContainerState,
    issues: Mapping[str, Issue],
    *,
    accept_cpu: bool,
    oom_killed: bool = False,
) -> Cause | None:
    """From the end of the log; None when nothing known fits. `oom_killed`: the kernel's count has risen."""
    try:
        text = "\n".join(runtime.stamped_logs(found.id, _CAUSE_LINES))
    except EngineAwayError:
        return None
    wanted = {i: issue for i, issue in issues.items() if not (accept_cpu and "cpu-serves" in issue.explains)}
    known = causes(text, exit_code=found.exit_code, oom_killed=found.oom_killed or oom_killed, issues=wanted)
    return next(known, None)


def lost_in(lines: tuple[str, ...], issues: Mapping[str, Issue], *, accept_cpu: bool) -> Iterator[Cause]:
    """Losses of GPU or memory in new log lines."""
    if not lines:
        return
    text = "\n".join(lines)
    lost = {"memory-lost"} if accept_cpu else {"memory-lost", "gpu-lost"}
    wanted = {i: issue for i, issue in issues.items() if lost & {*issue.explains}}
    yield from causes(text, exit_code=None, oom_killed=False, issues=wanted)
