"""`logs` of each device: the last lines."""

from __future__ import annotations

from collections.abc import Callable

from jetson_deploy.fleet.connection import Connection
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.end_state import DeviceResult
from jetson_deploy.fleet.failure import DeviceError
from jetson_deploy.fleet.tool import (
    BRINGS_IT,
    ask_tool,
    last_words,
    named,
    tool_command,
    tool_input,
)

SECONDS = 60.0
LOG_BYTES = 256 << 10
"""Of one device: two hundred of them are held until they are shown in order."""
LINE = 4096

Heard = Callable[[Device, str], None]


async def tail(connection: Connection, lines: int) -> tuple[DeviceResult, list[str]]:
    """Raises DeviceError."""
    device = connection.device
    words, stdin = ("logs", "--tail", str(lines), *named(device)), tool_input(device)
    answer = await connection.run(tool_command(words), stdin=stdin, seconds=SECONDS, root=True, limit=LOG_BYTES)
    if answer.exit_status != 0:
        await ask_tool(connection, *words, seconds=SECONDS)  # raises what went wrong, from its document
        raise DeviceError(f"logs ended with {answer.exit_status}: {last_words(answer)}", hint=BRINGS_IT, code="no-log")
    cut = f"more than the first {LOG_BYTES >> 10} KiB of it is left out" if answer.cut else ""
    return DeviceResult(device=device.name, state="done", reason=cut), whole_lines(answer.stdout)


def whole_lines(stdout: bytes) -> list[str]:
    text = stdout.decode(errors="replace")
    return [line[:LINE] for line in text.split("\n")[: -1 if text.endswith("\n") else None]] if text else []
