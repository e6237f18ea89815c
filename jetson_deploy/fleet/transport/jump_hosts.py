"""One connection for each jump host, shared by all that stand behind it: a connection each would be dropped there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import asyncssh
import msgspec

from jetson_deploy.fleet.failure import DeviceError
from jetson_deploy.fleet.transport.host_settings import Target

FAILED_FOR = 10.0
"""Seconds in which a jump host that failed is not tried again: fifty devices would each wait for it."""

Chain: TypeAlias = "tuple[str, ...]"
Opening: TypeAlias = Callable[[Target, Chain], Awaitable[asyncssh.SSHClientConnection]]


class Jump(msgspec.Struct):
    task: asyncio.Task[asyncssh.SSHClientConnection]
    begun: float


class JumpHosts:
    def __init__(self, opened: Opening) -> None:
        self._open = opened
        self._jumps: dict[Chain, Jump] = {}
        self._waits: dict[Chain, Chain] = {}
        """Which jump host is opened through which: two that name each other would wait for ever."""

    async def to(self, chain: Chain, asked_by: Chain = ()) -> asyncssh.SSHClientConnection:
        """The connection to the last of `chain`, asked for by a device, or by the jump host at the end of `asked_by`.

        Raises DeviceError, which names it.
        """
        if asked_by:
            self._waits[asked_by] = chain
        if self._is_a_circle(chain, asked_by):
            raise DeviceError(
                f"it is reached through {chain[-1]}, which is reached through it",
                hint="look at ProxyJump in the SSH configuration; `ProxyJump none` ends it",
                code="ssh-config",
            )
        jump = self._jumps.get(chain)
        if jump is None or is_over(jump):
            task = asyncio.ensure_future(self._open(target_of(chain[-1]), chain[:-1]))
            jump = self._jumps[chain] = Jump(task, time.monotonic())
        try:
            return await asyncio.shield(jump.task)
        except DeviceError as error:
            unknown = error.code == "host-key-unknown"
            hint = f"jetson-deploy fleet trust -i {chain[-1]}, shows its fingerprints, and asks" if unknown else None
            raise error.with_context(message=f"jump host {chain[-1]}: {error.message}", hint=hint) from None

    def _is_a_circle(self, chain: Chain, asked_by: Chain) -> bool:
        for _ in range(len(self._waits) + 1):
            if chain == asked_by:
                return True
            if chain not in self._waits:
                return False
            chain = self._waits[chain]
        return bool(asked_by)

    async def close(self) -> None:
        for jump in reversed(self._jumps.values()):
            jump.task.cancel()
            result = (await asyncio.gather(jump.task, return_exceptions=True))[0]
            if isinstance(result, asyncssh.SSHClientConnection):
                result.abort()
        self._jumps.clear()


def is_over(jump: Jump) -> bool:
    if not jump.task.done():
        return False
    if jump.task.cancelled() or jump.task.exception() is not None:
        return time.monotonic() - jump.begun > FAILED_FOR
    return jump.task.result().is_closed()


def chain_of(proxy_jump: str) -> Chain:
    return tuple(hop.strip() for hop in proxy_jump.split(",") if hop.strip())


def target_of(hop: str) -> Target:
    return Target(host=hop if hop.startswith("ssh://") else f"ssh://{hop}")
