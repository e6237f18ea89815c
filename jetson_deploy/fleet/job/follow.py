"""Follow a unit to its end, over lost connections, from the byte where the last one ended."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TypeAlias

from jetson_deploy.events import Event, Note
from jetson_deploy.fleet.connection import Connection
from jetson_deploy.fleet.failure import DeviceError
from jetson_deploy.fleet.job.board import SILENCE_SECONDS, BoardAnswer, Unit
from jetson_deploy.fleet.job.event_log import EventLog
from jetson_deploy.fleet.job.link import Link

Show: TypeAlias = Callable[[Event], None]
_AGAIN_SECONDS = 1.0
NO_HEARTBEAT = "no-heartbeat"
"""Code of a unit that runs and has said nothing for too long."""


async def follow(link: Link, unit: Unit, show: Show) -> BoardAnswer:
    """What the unit is when it has ended: with its result, or without one where power or runner went.

    Raises DeviceError when the device could not be asked for too long; the unit may go on then.
    """
    log = EventLog()
    answer: BoardAnswer | None = None
    silences = 0
    while True:
        before = log.offset
        error = await _read(link, unit, log, show)
        if log.result is not None:
            return BoardAnswer(unit="inactive", result=log.result)
        if answer is not None and not answer.runs and (error is None or log.offset >= (answer.events or 0)):
            return answer
        said = error is not None and error.code != "timed-out"
        if error is not None and said:
            show(_lost(error))
        answer = await link.lasting(unit.ask, silent if said else lambda lost: show(_lost(lost)))
        log.reopened(answer.events)
        if not answer.runs and (answer.events or 0) <= log.offset:
            return answer
        silences = silences + 1 if log.offset == before and error is not None and not said else 0
        if answer.runs and error is not None and not said:
            _silent(link, unit, max(silences, 1) * SILENCE_SECONDS, show)
        if log.offset == before:
            await link.sleep(_AGAIN_SECONDS)


async def _read(link: Link, unit: Unit, log: EventLog, show: Show) -> DeviceError | None:
    """Until the lines end, the result came, or the error that ended them."""

    async def lines(connection: Connection) -> None:
        log.reopened()
        async with contextlib.aclosing(unit.lines(connection, log.offset)) as found:  # type: ignore[type-var]
            async for line in found:
                for event in log.take(line):
                    show(event)
                if log.result is not None:
                    return

    try:
        await link.once(lines)
    except DeviceError as error:
        return error
    return None


def _silent(link: Link, unit: Unit, seconds: float, show: Show) -> None:
    text = f"no heartbeat for {seconds:.0f} s, though its unit runs"
    if seconds > link.patience:
        hint = f"look there what stopped it: systemctl status {unit.name}; then jetson-deploy fleet resume"
        raise DeviceError(text, hint=hint, code=NO_HEARTBEAT)
    show(Note(level="warning", text=text))


def silent(error: DeviceError) -> None:
    """It was said."""


def _lost(error: DeviceError) -> Note:
    return Note(level="warning", text=f"connection lost ({error.message}); the device goes on, it is asked again")
