"""qemu asked over its socket (QMP), a connection for each question."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import msgspec

from jetson_deploy.errors import PreflightError


def ask(path: Path, command: str, seconds: float = 600.0, **arguments: Any) -> Any:
    """What qemu returns. Raises PreflightError: it refuses, or is gone."""
    try:
        with socket.socket(socket.AF_UNIX) as wire:
            wire.settimeout(seconds)
            wire.connect(str(path))
            with wire.makefile("rwb") as file:
                file.readline()  # its greeting
                _send(file, "qmp_capabilities", {})
                return _send(file, command, arguments)
    except OSError as error:
        raise _refused(command, error.strerror or str(error)) from error


def monitor(path: Path, line: str, seconds: float = 600.0) -> str:
    """A line typed into qemu's monitor, and what it prints. Raises PreflightError when that is an error."""
    said = str(ask(path, "human-monitor-command", seconds, **{"command-line": line})).strip()
    if said.startswith("Error"):
        raise _refused(line, said)
    return said


def _send(file: Any, command: str, arguments: dict[str, Any]) -> Any:
    file.write(msgspec.json.encode({"execute": command, "arguments": arguments}) + b"\n")
    file.flush()
    while text := file.readline():
        answer = msgspec.json.decode(text)
        if "return" in answer:
            return answer["return"]
        if "error" in answer:
            raise _refused(command, str(answer["error"].get("desc")))
    raise _refused(command, "it has ended")


def _refused(command: str, why: str) -> PreflightError:
    return PreflightError(
        f"qemu does not do {command}: {why}",
        hint="qemu.log in the board's directory says more; cut and start the board again",
        code="qemu-refused",
    )
