"""How long a device is asked again: from the loss of the connection, or from the first question that it never took."""

from __future__ import annotations

import asyncio

import pytest
from unit_board import UnitBoard, lost, no_pause

from jetson_deploy.fleet.connection import Connection
from jetson_deploy.fleet.failure import DeviceError
from jetson_deploy.fleet.job.link import Link

PATIENCE = 180.0


class Asked:
    """An act that takes so many seconds each time, and ends as it is given; then it is done."""

    def __init__(self, *ends: tuple[float, DeviceError]) -> None:
        self.ends, self.now = list(ends), 0.0

    async def act(self, connection: Connection) -> str:
        if not self.ends:
            return "done"
        seconds, error = self.ends.pop(0)
        self.now += seconds
        raise error

    def lasting(self) -> str:
        async def run() -> str:
            board = UnitBoard()
            async with Link(board, board.device, patience=PATIENCE, sleep=no_pause, clock=lambda: self.now) as link:
                return await link.lasting(self.act)

        return asyncio.run(run())


def late() -> DeviceError:
    return DeviceError("no answer", hint="look at it", code="timed-out")


@pytest.mark.parametrize(
    "ends",
    [
        [(1.0, lost()), (100.0, lost())],
        [(900.0, lost())],  # it worked so long, and was heard of
        [(900.0, lost()), (100.0, late())],
        [(100.0, late())],
    ],
)
def test_it_is_asked_again_while_it_was_not_silent_for_too_long(ends: list[tuple[float, DeviceError]]) -> None:
    assert Asked(*ends).lasting() == "done"


@pytest.mark.parametrize(
    "ends",
    [
        [(1.0, lost()), (100.0, lost()), (100.0, lost())],
        [(900.0, lost()), (200.0, lost())],
        [(900.0, late())],  # it had all the time that the question was given
    ],
)
def test_it_is_given_up_when_it_was(ends: list[tuple[float, DeviceError]]) -> None:
    with pytest.raises(DeviceError) as given_up:
        Asked(*ends).lasting()
    assert given_up.value is ends[-1][1]
