"""CPU and memory of a container, from Docker's reading of its cgroup. Pure."""

from __future__ import annotations

from typing import Any

from jetson_deploy.runtime.port import Usage


def as_usage(answer: dict[str, Any]) -> Usage:
    """Read the answer of GET /containers/ID/stats?stream=false."""
    cpu, used = _count(answer, "cpu_stats", "cpu_usage", "total_usage"), _count(answer, "memory_stats", "usage")
    caches = (_count(answer, "memory_stats", "stats", name) for name in ("total_inactive_file", "inactive_file"))
    cache = next((one for one in caches if one is not None), 0)  # cgroup v1, v2
    return Usage(
        cpu_seconds=cpu / 1e9 if cpu else None,
        memory_bytes=max(0, used - cache) if used else None,
    )


def _count(answer: Any, *keys: str) -> int | None:
    """None: it is not there, or no count."""
    for key in keys:
        answer = answer.get(key) if isinstance(answer, dict) else None
    return answer if isinstance(answer, int) and answer >= 0 else None
