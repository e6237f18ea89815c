"""The connection to one device while a unit works there: opened again when it is lost, given up after a bound."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from types import TracebackType
from typing import TypeVar

from jetson_deploy.fleet.connection import Connection, Transport
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.failure import ConnectionLostError, DeviceError

PATIENCE_SECONDS = 180.0
"""Without contact; a board is back from a reboot in 60 to 110 s."""
_LONGEST_PAUSE = 15.0
WORTH_ASKING_AGAIN = frozenset(
    {"unreachable", "connection-lost", "timed-out", "no-session", "name-not-resolved", "login-refused", "not-ready"}
)
"""Of a device that boots, too: it refuses logins for a while. Anything else would be answered the same."""

Result = TypeVar("Result")
Act = Callable[[Connection], Awaitable[Result]]


class Link:
    """An asynchronous context; the connection is opened when something is asked."""

    def __init__(
        self,
        transport: Transport,
        device: Device,
        *,
        patience: float = PATIENCE_SECONDS,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.device = device
        self.sleep = sleep
        self.patience = patience
        self._transport, self._clock = transport, clock
        self._open: AsyncExitStack | None = None
        self._connection: Connection | None = None

    async def __aenter__(self) -> Link:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.drop()

    async def once(self, act: Act[Result]) -> Result:
        """Raises DeviceError; the connection is then dropped."""
        connection = await self.connection()
        try:
            return await act(connection)
        except DeviceError:
            await self.drop()
            raise

    async def lasting(self, act: Act[Result], lost: Callable[[DeviceError], None] = lambda error: None) -> Result:
        """Again and again, over new connections, until it was done or nothing was heard for too long.

        `act` must be one that may be done twice. Raises the last DeviceError. `lost` is called at the first.
        """
        began, since = self._clock(), None
        for pause in _pauses():
            try:
                return await self.once(act)
            except DeviceError as error:
                first = since is None
                if since is None:  # a long act was heard of until it was lost
                    since = self._clock() if isinstance(error, ConnectionLostError) else began
                if error.code not in WORTH_ASKING_AGAIN or self._clock() - since >= self.patience:
                    raise
                if first:
                    lost(error)
            await self.sleep(pause)
        raise RuntimeError("the pauses do not end")

    async def connection(self) -> Connection:
        if self._connection is None:
            stack = AsyncExitStack()
            self._connection = await stack.enter_async_context(self._transport.connect(self.device))
            self._open = stack
        return self._connection

    async def drop(self) -> None:
        stack, self._open, self._connection = self._open, None, None
        if stack is not None:
            await stack.aclose()


def _pauses() -> Iterator[float]:
    pause = 1.0
    while True:
        yield pause
        pause = min(pause * 2, _LONGEST_PAUSE)
