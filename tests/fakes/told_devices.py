"""A transport whose devices answer by script: what was asked of them, and what they are told to say."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.fleet.connection import OUTPUT_BYTES, Answer, Connection
from jetson_deploy.fleet.device import Device

Said = Answer | JetsonDeployError


def document(exit_status: int = 0, **keys: Any) -> Answer:
    return Answer(exit_status=exit_status, stdout=json.dumps(keys).encode(), stderr=b"")


def text(stdout: bytes = b"", exit_status: int = 0, stderr: bytes = b"", *, cut: bool = False) -> Answer:
    return Answer(exit_status=exit_status, stdout=stdout, stderr=stderr, cut=cut)


class ToldDevices:
    """`says`: device → what it answers, whatever it is asked; `streams`: device → its lines, then an error or the end.

    A device of neither is not reached.
    """

    def __init__(
        self,
        says: Mapping[str, Said] | None = None,
        streams: Mapping[str, list[bytes | JetsonDeployError]] | None = None,
        unreached: Mapping[str, JetsonDeployError] | None = None,
    ) -> None:
        self.says, self.streams, self.unreached = dict(says or {}), dict(streams or {}), dict(unreached or {})
        self.units: dict[str, bytes] = {}
        """What systemctl lists there."""
        self.asked: list[tuple[str, str, bytes, bool]] = []
        self.closed_streams = 0
        self.closed = False

    @asynccontextmanager
    async def connect(self, device: Device) -> AsyncIterator[Connection]:
        await asyncio.sleep(0)
        if device.name in self.unreached:
            raise self.unreached[device.name]
        yield ToldConnection(self, device)

    async def close(self) -> None:
        self.closed = True


class ToldConnection:
    def __init__(self, fleet: ToldDevices, device: Device) -> None:
        self._fleet, self.device = fleet, device

    async def run(
        self, command: str, *, seconds: float, stdin: bytes = b"", root: bool = False, limit: int = OUTPUT_BYTES
    ) -> Answer:
        if command.startswith("systemctl "):
            return text(self._fleet.units.get(self.device.name, b""))
        self._fleet.asked.append((self.device.name, command, stdin, root))
        said = self._fleet.says[self.device.name]
        if isinstance(said, JetsonDeployError):
            raise said
        whole = len(said.stdout) <= limit
        return Answer(
            exit_status=said.exit_status, stdout=said.stdout[:limit], stderr=said.stderr, cut=said.cut or not whole
        )

    async def lines(self, command: str, *, root: bool = False, silence: float) -> AsyncIterator[bytes]:
        self._fleet.asked.append((self.device.name, command, b"", root))
        try:
            for line in self._fleet.streams[self.device.name]:
                await asyncio.sleep(0)
                if isinstance(line, JetsonDeployError):
                    raise line
                yield line
        finally:
            self._fleet.closed_streams += 1

    async def send(self, source: Path, target: str, *, root: bool = False) -> None:
        raise NotImplementedError
