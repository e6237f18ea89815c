"""`rollback` and `down` on each device: as a transient unit there, which goes on when the connection ends."""

from __future__ import annotations

import shlex
from typing import Any, Literal, TypeAlias

import msgspec

from jetson_deploy.fleet.connection import Answer, Connection
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.end_state import DeviceResult, EndState
from jetson_deploy.fleet.failure import ConnectionLostError, DeviceError
from jetson_deploy.fleet.tool import (
    DOCUMENT_BYTES,
    TOOL,
    ToolError,
    document_or_refusal,
    last_words,
    named,
    read_answer,
    tool_command,
    tool_input,
)
from jetson_deploy.fleet.verbs.answered import failed

Verb: TypeAlias = Literal["rollback", "down"]
SECONDS: dict[Verb, float] = {"rollback": 3600.0, "down": 900.0}
"""A rollback may have to fetch an image again."""
STATUS_SECONDS = 1000.0
"""A model is loaded to be asked: 900 s at most (the proof's own bound)."""
_IN_A_UNIT = (
    'exec systemd-run --quiet --collect --wait --pipe --setenv=HOME=/root ${SUDO_USER:+--setenv=SUDO_USER="$SUDO_USER"}'
)
_NOT_FOUND = 127
NO_DOCUMENT = "no-document"
_GOOD: dict[Verb, EndState] = {"rollback": "proven", "down": "done"}


async def change(connection: Connection, verb: Verb, *words: str) -> DeviceResult:
    """Raises DeviceError; ConnectionLostError where it goes on there."""
    device = connection.device
    inner = tool_command((verb, *words, *named(device), "--json"))
    text = f"{_IN_A_UNIT} --unit=jd-fleet-{verb} -- /bin/sh -c {shlex.quote(inner)}"
    stdin, seconds = tool_input(device), SECONDS[verb]
    try:
        answer = await connection.run(text, stdin=stdin, seconds=seconds, root=True, limit=DOCUMENT_BYTES)
    except ConnectionLostError as error:
        hint = f"the {verb} goes on there; fleet status shows what serves"
        raise ConnectionLostError(error.message, hint=hint, code=error.code) from error
    if answer.exit_status == _NOT_FOUND and b"systemd-run" in answer.stderr:
        hint = f"run `{TOOL} {verb}` there"
        raise DeviceError("there is no systemd-run, which a change needs", hint=hint, code="no-systemd")
    if _already_there(answer):
        text = f"another {verb} of a fleet runs there: {last_words(answer)}"
        return DeviceResult(device=device.name, state="locked", reason=text, hint="wait for its end", code="locked")
    try:
        found = read_answer(answer)
    except ToolError as error:
        return await _what_serves(connection, failed(device, error, reached=True))
    except DeviceError as error:
        if error.code != NO_DOCUMENT:
            raise
        return _half_done(device, error.message)
    if answer.exit_status != 0:
        return _half_done(device, f"{verb} ended with {answer.exit_status}")
    result = found.document.get("result")
    state: EndState = "unchanged" if result == "no-changes" else _GOOD[verb]
    return DeviceResult(device=device.name, state=state, document=found.document)


async def _what_serves(connection: Connection, result: DeviceResult) -> DeviceResult:
    """Of a change that failed by its own word: it may have failed before it touched what serves."""
    if result.state != "failed":
        return result
    try:
        status = await document_or_refusal(connection, "status", *named(connection.device), seconds=STATUS_SECONDS)
    except DeviceError as error:
        return msgspec.structs.replace(result, reason=f"{result.reason}; what serves is not known: {error.message}")
    container = status.document.get("container")
    serves = f"{container} serves" if status.document.get("healthy") is True else "nothing healthy serves"
    return msgspec.structs.replace(result, reason=f"{result.reason}; {serves}")


def _half_done(device: Device, reason: str) -> DeviceResult:
    """It began, and did not say how it ended: no refusal, for something may have been changed."""
    hint = "jetson-deploy fleet status shows what serves"
    return DeviceResult(device=device.name, state="failed", reason=reason, hint=hint, code=NO_DOCUMENT)


def _already_there(answer: Answer) -> bool:
    said = answer.stderr.decode(errors="replace")
    return answer.exit_status != 0 and not answer.stdout and "already loaded or has a fragment file" in said


def brought(document: dict[str, Any]) -> str:
    """What a row says of a change: the model and the image that serve, or what was removed."""
    removed = document.get("containers")
    if isinstance(removed, list):
        return f"{len(removed)} containers removed" if removed else ""
    return str(document.get("model") or "")
