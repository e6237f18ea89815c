"""One device's part of a rollout: the tool brought, `up` run there as a unit, followed, proven again, rolled back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import msgspec

from jetson_deploy.events import Event, silent
from jetson_deploy.fleet.connection import Connection, Transport
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.end_state import DeviceResult
from jetson_deploy.fleet.failure import DeviceError
from jetson_deploy.fleet.job.board import Unit
from jetson_deploy.fleet.job.ending import document_of
from jetson_deploy.fleet.job.folder import REQUEST, Wanted
from jetson_deploy.fleet.job.follow import Show
from jetson_deploy.fleet.job.link import PATIENCE_SECONDS, Link
from jetson_deploy.fleet.job.not_ended import not_begun, unknown, unreachable
from jetson_deploy.fleet.job.record import SECONDS, second_proof, status_of
from jetson_deploy.fleet.job.standing import Standing
from jetson_deploy.fleet.job.unit_run import UnitRun, name_of
from jetson_deploy.fleet.rollout.work import Report
from jetson_deploy.fleet.tool import TOOL, document_or_refusal

Bring: TypeAlias = Callable[[Connection], Awaitable[str]]
"""Brings the tool; its path there. Raises DeviceError."""
LONGEST_SECONDS = 86400.0
"""For one unit that says that it works: a device must not keep the rollout for ever."""


class DeviceJobs:
    """The `Work` of the rollout `rollout`: its units are jd-fleet-ROLLOUT, and …-back for going back."""

    def __init__(
        self,
        transport: Transport,
        rollout: str,
        bring: Bring,
        *,
        arguments: tuple[str, ...] = (),
        tool: str = TOOL,
        standing: Standing | None = None,
        patience: float = PATIENCE_SECONDS,
        longest: float = LONGEST_SECONDS,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`arguments`: further ones of `up`. `tool`: where `bring` leaves it for later runs. `standing`: devices that
        are only asked whether they still are as their plan found them."""
        self._transport, self._rollout, self._bring = transport, rollout, bring
        self._arguments, self._tool, self._sleep = arguments, tool, sleep
        self._patience, self._runs = patience, UnitRun(tool, longest)
        self._standing = standing or Standing({})

    async def deploy(self, device: Device, report: Report) -> DeviceResult:
        unit = self._unit(device)
        wanted = Wanted(name=name_of(device), settings=device.settings, environment=device.environment)
        arguments = ("up", "-f", f"{unit.folder}/{REQUEST}", *self._arguments)
        async with self._link(device) as link:
            try:
                await link.connection()
            except DeviceError as error:
                return unreachable(device, error)
            if (stands := await self._stands(link, device)) is not None:
                return stands
            try:
                tool = await link.lasting(self._bring)  # what is there already is found, and not sent again
            except DeviceError as error:
                return not_begun(device, error)
            return await self._runs.run(link, unit, tool, wanted, arguments, _show(device, report))

    async def _stands(self, link: Link, device: Device) -> DeviceResult | None:
        """None: not said, so its own `up` decides. Nothing was begun there."""
        if (question := self._standing.question(device, name_of(device))) is None:
            return None
        try:
            return await link.once(question)
        except DeviceError:
            return None

    async def take_up(self, device: Device, report: Report) -> DeviceResult | None:
        unit = self._unit(device)
        async with self._link(device) as link:
            try:
                answer = await link.lasting(unit.ask)
                if not answer.began:
                    return None
                return await self._runs.followed(link, unit, answer, _show(device, report))
            except DeviceError as error:
                return unknown(device, error)

    async def prove(self, device: Device) -> DeviceResult:
        """The container that the unit proved must be the one that serves."""
        unit = self._unit(device)

        async def both(connection: Connection) -> DeviceResult:
            wanted = document_of((await unit.ask(connection)).result) or {}
            words = ("status", "--name", name_of(device))
            status = await document_or_refusal(connection, *words, seconds=SECONDS, tool=self._tool)
            return second_proof(device, status, wanted.get("container"))

        async with self._link(device) as link:
            try:
                return await link.lasting(both)
            except DeviceError as error:
                return unknown(device, error)

    async def roll_back(self, device: Device) -> DeviceResult:
        back = self._unit(device, "-back")
        async with self._link(device) as link:
            try:
                done = await link.lasting(back.ask)
                if done.began:
                    return _rolled_back(await self._runs.followed(link, back, done, silent))
                arguments = await self._way_back(link, device)
                if isinstance(arguments, DeviceResult):
                    return arguments
            except DeviceError as error:
                return unknown(device, error)
            name = name_of(device)
            wanted = Wanted(name=name, environment=device.environment)
            return _rolled_back(
                await self._runs.run(link, back, self._tool, wanted, (*arguments, "--name", name), silent)
            )

    async def _way_back(self, link: Link, device: Device) -> tuple[str, ...] | DeviceResult:
        """What undoes the unit's change, or the answer where there is nothing to undo."""
        answer = await link.lasting(self._unit(device).ask)
        before = answer.before
        if before is None:
            return DeviceResult(device=device.name, state="unchanged")
        status = await link.lasting(lambda found: status_of(found, self._tool, device, name_of(device)))
        container, previous = status.document.get("container"), status.document.get("previous")
        if not before.problem and container == before.container:
            return DeviceResult(device=device.name, state="unchanged", document=status.document)
        if before.revision is not None:
            return ("rollback", str(before.revision), "--force")
        if before.problem or isinstance(previous, dict):  # a record that was lost is no record of nothing
            return ("rollback",)
        return ("down",)

    def _unit(self, device: Device, part: str = "") -> Unit:
        return Unit(name=f"jd-fleet-{self._rollout}{part}", environment=device.environment)

    def _link(self, device: Device) -> Link:
        return Link(self._transport, device, patience=self._patience, sleep=self._sleep)


def _show(device: Device, report: Report) -> Show:
    def show(event: Event) -> None:
        report(device, event)

    return show


def _rolled_back(result: DeviceResult) -> DeviceResult:
    """Of `rollback` and `down`, for which the one that was to go is the one before: where it serves on, they failed."""
    if result.state == "rolled-back":
        return msgspec.structs.replace(result, state="needs-attention")
    return msgspec.structs.replace(result, state="rolled-back") if result.state in ("proven", "unchanged") else result
