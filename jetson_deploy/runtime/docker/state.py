"""State of one container, from Docker's answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from jetson_deploy.runtime.port import ContainerState, ListedContainer

_NEVER = "0001-01-01"
"""Go's zero time: the engine's way to say that it has not happened."""


def own_name(names: Iterable[Any] | None) -> str:
    """Of the `Names` in the engine's list: without those that links of others gave. Empty: it is being removed."""
    return next((str(name).lstrip("/") for name in names or () if str(name).count("/") == 1), "")


def as_listed(raw: Mapping[str, Any]) -> ListedContainer:
    """Read one entry of the answer of GET /containers/json."""
    return ListedContainer(
        id=str(raw["Id"]),
        name=own_name(raw.get("Names")),
        labels=dict(raw.get("Labels") or {}),
        image_id=str(raw.get("ImageID") or ""),
    )


def as_state(answer: Mapping[str, Any]) -> ContainerState:
    """Read the answer of GET /containers/ID/json."""
    state, config = answer["State"], answer["Config"]
    started = str(state.get("StartedAt") or _NEVER)
    return ContainerState(
        id=answer["Id"],
        name=str(answer["Name"]).lstrip("/"),
        state=state["Status"],
        exit_code=_exit_code(state),
        oom_killed=bool(state.get("OOMKilled")),
        restart_count=int(answer.get("RestartCount") or 0),
        error=str(state.get("Error") or ""),
        started_at=None if started.startswith(_NEVER) else started,
        health=(state.get("Health") or {}).get("Status"),
        labels=dict(config.get("Labels") or {}),
        image=config.get("Image") or answer["Image"],
        image_id=answer["Image"],
        pid=state.get("Pid") or None,
        restart_policy=answer["HostConfig"]["RestartPolicy"]["Name"] or "no",
    )


def _exit_code(state: Mapping[str, Any]) -> int | None:
    if state["Status"] in ("running", "paused"):
        return None
    code = int(state.get("ExitCode") or 0)
    return None if state["Status"] == "created" and code == 0 else code
