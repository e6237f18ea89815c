"""Devices that are worked on at once: started while nothing holds them back, awaited one by one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

POLL_SECONDS = 1.0
"""Between two looks at what another shell asked, and at the clock."""


class Crew:
    """Whatever ends it ends them all: what they started on the devices goes on there."""

    def __init__(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        self._sleep = sleep
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def start(self, act: Coroutine[Any, Any, None]) -> None:
        self._tasks.add(asyncio.ensure_future(act))

    async def wait(self) -> None:
        """Until one has ended, or for a moment. A bug in one is raised."""
        moment = asyncio.ensure_future(self._sleep(POLL_SECONDS))
        try:
            done, _ = await asyncio.wait({moment, *self._tasks}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            moment.cancel()
        for task in done - {moment}:
            self._tasks.discard(task)
            task.result()

    async def all_ended(self) -> None:
        while self._tasks:
            await self.wait()

    async def __aenter__(self) -> Crew:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
