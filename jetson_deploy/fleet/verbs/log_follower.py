"""`logs --follow` of many devices: a connection that is lost is opened again, behind the last line that came."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing

from jetson_deploy.fleet.connection import Connection, Transport
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.each import each
from jetson_deploy.fleet.end_state import DeviceResult
from jetson_deploy.fleet.failure import DeviceError
from jetson_deploy.fleet.job.link import WORTH_ASKING_AGAIN
from jetson_deploy.fleet.tool import ToolError, ask_tool, named, watching_command
from jetson_deploy.fleet.verbs.answered import failed
from jetson_deploy.fleet.verbs.log_tails import LINE, SECONDS, Heard
from jetson_deploy.fleet.verbs.watching import PAUSES, Lost

SILENCE = 30 * 86400.0
"""A server that is not asked writes nothing for days; a dead link is found by its keepalive."""
_NOT_READY = 3
"""The exit code of a tool whose engine is away: so it is for a while after a boot."""
_STAMPED = re.compile(rb"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(?:\.[0-9]{1,9})?Z) (.*)", re.DOTALL)


async def follow_each(
    transport: Transport,
    devices: Sequence[Device],
    lines: int,
    *,
    heard: Heard,
    lost: Lost,
    ended: Callable[[DeviceResult], None] = lambda result: None,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> list[DeviceResult]:
    """Until it is cancelled, or every log has ended. `lost` hears why a device is asked again."""

    async def one(device: Device) -> DeviceResult:
        follower = _Follower(device, lines, heard)
        while True:
            try:
                async with transport.connect(device) as connection:
                    return await follower.follow(connection)
            except DeviceError as error:
                if not follower.reached or not _passes(error):
                    return failed(device, error, reached=follower.reached)
                lost(device, error)
            await sleep(follower.pause())

    return await each(devices, one, failed=lambda device, error: failed(device, error, reached=False), ended=ended)


class _Follower:
    """Of one device, over all its connections."""

    def __init__(self, device: Device, lines: int, heard: Heard) -> None:
        self.reached = False
        self._device, self._lines, self._heard = device, lines, heard
        self._last: bytes | None = None
        self._tries = 0

    async def follow(self, connection: Connection) -> DeviceResult:
        """Until its server's log ends. Raises DeviceError."""
        self.reached = True
        start = ("--tail", str(self._lines)) if self._last is None else ("--after", self._last.decode())
        words = ("logs", "--follow", "--timestamps", *start, *named(self._device))
        stream = connection.lines(watching_command(self._device, words), root=True, silence=SILENCE)
        async with aclosing(stream) as found:  # type: ignore[type-var]
            async for line in found:
                self._take(line)
        # A tool that refused it has said nothing on its standard output: asked like this it says why.
        await ask_tool(connection, "logs", "--timestamps", "--tail", "1", *named(self._device), seconds=SECONDS)
        return DeviceResult(device=self._device.name, state="done", reason="its log ended: the container stopped")

    def _take(self, line: bytes) -> None:
        self._tries = 0
        stamped = _STAMPED.fullmatch(line)
        if stamped is not None:
            self._last, line = stamped[1], stamped[2]
        self._heard(self._device, line[:LINE].decode(errors="replace"))

    def pause(self) -> float:
        """Before the next try."""
        self._tries += 1
        return PAUSES[min(self._tries, len(PAUSES)) - 1]


def _passes(error: DeviceError) -> bool:
    return error.code in WORTH_ASKING_AGAIN or (isinstance(error, ToolError) and error.there == _NOT_READY)
