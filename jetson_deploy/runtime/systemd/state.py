"""What systemd says of a unit, in the words of the port. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from jetson_deploy.runtime.port import ContainerState
from jetson_deploy.runtime.systemd.instance import Instance

PROPERTIES = (
    *("LoadState", "ActiveState", "SubState", "Result", "ExecMainCode", "ExecMainStatus", "ExecMainStartTimestamp"),
    *("MainPID", "NRestarts", "NeedDaemonReload", "ControlGroup", "FreezerState"),
)
_KILLED = ("2", "3")
"""CLD_KILLED and CLD_DUMPED: the status is a signal's number."""
_SIGNALLED = 128


def as_state(one: Instance, shown: Mapping[str, str], policy: str) -> ContainerState:
    state = state_word(one, shown)
    runs = state in ("running", "paused")
    failed = shown.get("ActiveState") == "failed"
    return ContainerState(
        id=one.id,
        name=one.name,
        state=state,
        exit_code=None if runs else _exit_code(shown),
        oom_killed=shown.get("Result") == "oom-kill",
        restart_count=_number(shown, "NRestarts") or 0,
        error=f"systemd: {shown.get('Result')}" if failed and _exit_code(shown) is None else "",
        started_at=_moment(shown.get("ExecMainStartTimestamp", "")),
        health=None,
        labels=one.spec.labels,
        image=one.spec.image,
        image_id=one.image_id,
        pid=_number(shown, "MainPID") if runs else None,
        restart_policy=policy,
    )


def state_word(one: Instance, shown: Mapping[str, str]) -> str:
    active, sub = shown.get("ActiveState"), shown.get("SubState")
    if sub == "auto-restart":
        return "restarting"
    if active in ("active", "activating", "reloading", "deactivating"):
        return "paused" if shown.get("FreezerState") in ("frozen", "freezing") else "running"
    return "exited" if one.was_started else "created"


def _exit_code(shown: Mapping[str, str]) -> int | None:
    """None: it has not run since the host was booted."""
    code, status = shown.get("ExecMainCode", "0"), _number(shown, "ExecMainStatus")
    if code in ("", "0"):
        return None
    return status if status is None or code not in _KILLED else _SIGNALLED + status


def _number(shown: Mapping[str, str], name: str) -> int | None:
    text = shown.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and text != "0" else 0 if text == "0" else None


def _moment(text: str) -> str | None:
    """`Mon 2026-11-30 09:36:38 UTC`, with TZ=UTC in systemctl's environment."""
    words = text.split()
    return f"{words[1]}T{words[2]}Z" if len(words) == 4 and words[3] == "UTC" else None
