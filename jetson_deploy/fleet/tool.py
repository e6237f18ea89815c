"""The tool on a device: one command of it with --json, and the document that it answers with.

The device is not trusted: what it says is bounded, and only what is looked for is read.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec

from jetson_deploy.fleet.connection import Answer, Connection
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.device_hints import for_controller
from jetson_deploy.fleet.failure import DeviceError
from jetson_deploy.fleet.job.scripts import command, variables
from jetson_deploy.fleet.said import last_line

TOOL = "/usr/local/bin/jetson-deploy"
DOCUMENT_BYTES = 512 << 10
ERROR = "jetson-deploy.error/1"
BRINGS_IT = "`fleet up` brings this controller's version there"
_WITH_VARIABLES = 'eval "$(cat)"; exec "$@"'
_WHERE = (
    "DOCKER_HOST",
    "JETSON_DEPLOY_CATALOG",
    "JETSON_DEPLOY_LOCK_DIR",
    "JETSON_DEPLOY_REHEARSAL",
    "JETSON_DEPLOY_STATE_DIR",
)
_NOT_THERE = (126, 127)
_USAGE = 2
_SAID = 300
_ABSURD = re.compile(rb"(?:\"\s*:|[\[,])\s*-?[0-9]{25,}")
"""A number that no float holds may follow: to show it would end the run of all devices."""

Read = TypeVar("Read")


class ToolError(DeviceError):
    """The tool there answered with an error of its own, whose code and words these are."""

    def __init__(self, message: str, *, hint: str, code: str, there: int, document: dict[str, Any]) -> None:
        super().__init__(message, hint=hint, code=code)
        self.there, self.document = there, document


class ToolAnswer(msgspec.Struct, frozen=True, kw_only=True):
    exit_status: int
    document: dict[str, Any]


class _Refusal(msgspec.Struct, kw_only=True):
    message: str
    hint: str = ""
    code: str = ""


def tool_command(words: Iterable[str], tool: str = TOOL) -> str:
    """With `tool_input` on its standard input."""
    return command(_WITH_VARIABLES, "jd-tool", tool, *words)


def tool_input(device: Device) -> bytes:
    """The device's environment: what stands in a command, every user there can read."""
    return variables(device.environment)


def watching_command(device: Device, words: Iterable[str]) -> str:
    """For a command that goes on and has no input: with the variables that say where to look, and no other."""
    given = [f"{name}={device.environment[name]}" for name in _WHERE if name in device.environment]
    return shlex.join(["exec", *(["env", *given] if given else []), TOOL, *words])


def named(device: Device) -> tuple[str, ...]:
    """--name, where the inventory has one for the device's deployment."""
    name = device.settings.get("name")
    return ("--name", str(name)) if name else ()


async def ask_tool(connection: Connection, *words: str, seconds: float) -> ToolAnswer:
    """Raises ToolError for its own refusal, DeviceError `tool-missing`, `tool-older`, `no-document`."""
    return _not_refused(await document_or_refusal(connection, *words, seconds=seconds))


async def document_or_refusal(connection: Connection, *words: str, seconds: float, tool: str = TOOL) -> ToolAnswer:
    """Its own refusal is a document too. Raises DeviceError `tool-missing`, `tool-older`, `no-document`."""
    text, stdin = tool_command((*words, "--json"), tool), tool_input(connection.device)
    return _answered(await connection.run(text, stdin=stdin, seconds=seconds, root=True, limit=DOCUMENT_BYTES))


def read_answer(answer: Answer) -> ToolAnswer:
    """Raises as `ask_tool`."""
    return _not_refused(_answered(answer))


def _answered(answer: Answer) -> ToolAnswer:
    document = _document(answer.stdout)
    if document is None:
        raise _without_document(answer)
    return ToolAnswer(exit_status=answer.exit_status, document=document)


def _not_refused(answer: ToolAnswer) -> ToolAnswer:
    if answer.document.get("schema") == ERROR:
        raise _refused(answer.document, answer.exit_status)
    return answer


def read_as(kind: type[Read], document: dict[str, Any]) -> Read:
    """Raises DeviceError `no-document`: it is none of this version."""
    try:
        return msgspec.convert(document, kind)
    except (msgspec.ValidationError, RecursionError) as error:
        raise DeviceError(f"the tool's answer is not understood: {error}", hint=BRINGS_IT, code="no-document") from None


def last_words(answer: Answer) -> str:
    """The last line that it said, for a message."""
    return last_line(answer.stderr or answer.stdout)


def _absurd(text: bytes) -> bool:
    """It has a number that measures nothing."""
    return _ABSURD.search(text) is not None


def _document(stdout: bytes) -> dict[str, Any] | None:
    if _absurd(stdout):
        return None
    try:
        found = msgspec.json.decode(stdout)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _without_document(answer: Answer) -> DeviceError:
    said = last_words(answer)
    behind = f": {said}" if said else ""
    if answer.exit_status in _NOT_THERE:
        return DeviceError(f"there is no {TOOL}, or it cannot be run", hint=BRINGS_IT, code="tool-missing")
    if answer.cut:
        text = f"its answer is longer than {DOCUMENT_BYTES >> 10} KiB"
        return DeviceError(text, hint=f"run `{TOOL} status` there", code="no-document")
    if answer.exit_status == _USAGE:
        return DeviceError(f"the tool there does not know this{behind}", hint=BRINGS_IT, code="tool-older")
    text = f"the tool there ended with {answer.exit_status} and without a document{behind}"
    return DeviceError(text, hint=f"run `{TOOL} status` there", code="no-document")


def _refused(document: dict[str, Any], there: int) -> DeviceError:
    refusal = read_as(_Refusal, document)
    code = refusal.code[:80] or "error"
    # Our own flags are not known there: the tool is older. What else it refuses it says how to mend.
    hint = BRINGS_IT if code == "usage" else for_controller(refusal.hint[:_SAID])
    return ToolError(refusal.message[:_SAID], hint=hint, code=code, there=there, document=document)
