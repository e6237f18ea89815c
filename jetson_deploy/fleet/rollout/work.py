"""What a rollout asks of one device. `fleet/deploy.py` implements it over SSH; tests of the rollout give a fake."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

from jetson_deploy.events import Event
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.end_state import DeviceResult

Report: TypeAlias = Callable[[Device, Event], None]
"""Where a device's own events go as they come. It never blocks, and raises nothing."""


class Work(Protocol):
    """Of one rollout, whose id names the units on the devices. Each call ends with one result and raises no
    JetsonDeployError; one that is raised all the same counts as `unknown`.

    Cancelled at any moment: what was started on the device goes on there, `take_up` finds it.
    """

    async def deploy(self, device: Device, report: Report) -> DeviceResult:
        """Bring the tool, start `up` there as a unit, follow it to its end.

        `unreachable`: nothing was started there. `unknown`: it may have been, and the device could not be asked since.
        """

    async def prove(self, device: Device) -> DeviceResult:
        """The second proof, after the soak: `unchanged` where it serves and answers as it was asked for, else
        `failed` with the cause; `unknown` where it could not be asked. Changes nothing."""

    async def roll_back(self, device: Device) -> DeviceResult:
        """Back to what served before this rollout, as the device itself recorded it when the unit started.

        With a deployment before: its own `rollback` to that revision; without: `down`, which keeps image and model.
        `rolled-back`: done. `unchanged`: this rollout had changed nothing there. Called again it gives the same answer.
        """

    async def take_up(self, device: Device, report: Report) -> DeviceResult | None:
        """After a controller's end: follow the unit that still runs, or take the result of the one that ended.

        None: this rollout never started one there. Never starts `up`. `unknown`: the device could not be asked.
        """
