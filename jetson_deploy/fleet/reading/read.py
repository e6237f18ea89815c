"""Asks one device for its reading."""

from __future__ import annotations

import time
from collections.abc import Iterable

import msgspec

from jetson_deploy.fleet.connection import Answer, Connection
from jetson_deploy.fleet.failure import DeviceError
from jetson_deploy.fleet.reading.answer import MOST_PACKED, ReadingAnswer, unpack
from jetson_deploy.fleet.reading.script import NO_PYTHON, command, script
from jetson_deploy.fleet.said import last_line

SECONDS = 75.0
"""The script ends itself after 50; a device's sudo may wait 20 for a dead name server."""
_ALARM = 128 + 14


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    answer: ReadingAnswer
    clock_ahead: float | None
    """Seconds that the device's clock is ahead of this machine's, to about the time that an answer takes."""


async def read(connection: Connection, *, stores: Iterable[str] = ()) -> Reading:
    """Nothing is written there. `stores`: that were asked for. Raises DeviceError."""
    said = await connection.run(command(stores), seconds=SECONDS, stdin=script(), root=True, limit=MOST_PACKED)
    now = time.time()
    if said.exit_status != 0:
        raise _failed(said)
    if said.cut:
        raise DeviceError(
            f"it answers with more than {MOST_PACKED >> 20} MiB",
            hint="something there prints without end: ssh there and look at ~/.bashrc",
            code="reading-too-long",
        )
    answer = unpack(said.stdout)
    there = answer.board.epoch_seconds
    return Reading(answer=answer, clock_ahead=None if there is None else round(there - now, 1))


def _failed(said: Answer) -> DeviceError:
    if said.exit_status == NO_PYTHON:
        told = ", ".join(said.stdout.decode(errors="replace")[:300].split("\n")).strip(" ,")
        return DeviceError(
            "it has no python3, by which it is read" + (f"; it is: {ascii(told)[1:-1][:200]}" if told else ""),
            hint="sudo apt-get install -y python3 there; any from 3.6 on will do",
            code="no-python",
        )
    if said.exit_status == _ALARM:
        return DeviceError(
            "reading it took more than 50 s: a disk, a mount or the engine there hangs",
            hint="ssh there; df and docker info show which one does not answer",
            code="reading-hangs",
        )
    return DeviceError(
        f"the script that reads it ended with {said.exit_status}: {last_line(said.stderr) or 'it says nothing'}",
        hint="python3 --version there: any from 3.6 on, with its standard library, will do",
        code="reading-failed",
    )
