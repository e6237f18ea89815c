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
from jetson_deploy.fleet.failure import SUDO_REFUSED, ConnectionLostError, DeviceError
from jetson_deploy.fleet.job.board import NO_SPACE, NOT_STARTED, BoardAnswer, Unit
from jetson_deploy.fleet.job.ending import device_result, document_of, finished_of, why_ended
from jetson_deploy.fleet.job.folder import REQUEST, Before, Wanted
from jetson_deploy.fleet.job.follow import Show, follow
from jetson_deploy.fleet.job.link import PATIENCE_SECONDS, WORTH_ASKING_AGAIN, Link
from jetson_deploy.fleet.job.record import (
    NOT_READY,
    NOTHING_DEPLOYED,
    SECONDS,
    by_record,
    second_proof,
    status_of,
    what_serves,
)
from jetson_deploy.fleet.job.standing import Standing
from jetson_deploy.fleet.rollout.work import Report
from jetson_deploy.fleet.tool import TOOL, document_or_refusal

Bring: TypeAlias = Callable[[Connection], Awaitable[str]]
"""Brings the tool; its path there. Raises DeviceError."""
_INTERRUPTED = 130
TOO_LONG = "too-long"
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
        self._patience, self._longest = patience, longest
        self._standing = standing or Standing({})

    async def deploy(self, device: Device, report: Report) -> DeviceResult:
        unit = self._unit(device)
        wanted = Wanted(name=name_of(device), settings=device.settings, environment=device.environment)
        arguments = ("up", "-f", f"{unit.folder}/{REQUEST}", *self._arguments)
        async with self._link(device) as link:
            try:
                await link.connection()
            except DeviceError as error:
                return _unreachable(device, error)
            if (stands := await self._stands(link, device)) is not None:
                return stands
            try:
                tool = await link.once(self._bring)
            except DeviceError as error:
                return _not_begun(device, error)
            return await self._run(link, unit, tool, wanted, arguments, _show(device, report))

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
                return await self._followed(link, unit, answer, _show(device, report))
            except DeviceError as error:
                return _unknown(device, error)

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
                return _unknown(device, error)

    async def roll_back(self, device: Device) -> DeviceResult:
        back = self._unit(device, "-back")
        async with self._link(device) as link:
            try:
                done = await link.lasting(back.ask)
                if done.began:
                    return _rolled_back(await self._followed(link, back, done, silent))
                arguments = await self._way_back(link, device)
                if isinstance(arguments, DeviceResult):
                    return arguments
            except DeviceError as error:
                return _unknown(device, error)
            name = name_of(device)
            wanted = Wanted(name=name, environment=device.environment)
            return _rolled_back(await self._run(link, back, self._tool, wanted, (*arguments, "--name", name), silent))

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

    async def _run(
        self, link: Link, unit: Unit, tool: str, wanted: Wanted, arguments: tuple[str, ...], show: Show
    ) -> DeviceResult:
        tries = 0

        async def start(connection: Connection) -> BoardAnswer:
            nonlocal tries
            tries += 1
            return await unit.start(connection, tool, wanted, arguments)

        try:
            answer = await link.lasting(start)
        except DeviceError as error:  # of an earlier try whose answer was lost it is not known
            never = error.code in (NOT_STARTED, NO_SPACE) or (error.code == SUDO_REFUSED and tries == 1)
            return _not_begun(link.device, error) if never else _unknown(link.device, error)
        try:
            return await self._followed(link, unit, answer, show)
        except DeviceError as error:
            return _unknown(link.device, error)

    async def _followed(self, link: Link, unit: Unit, answer: BoardAnswer, show: Show) -> DeviceResult:
        """The result of a unit that began. Raises DeviceError when the device could not be asked for too long."""
        device = link.device
        if answer.result is None:
            answer = await self._to_its_end(link, unit, show)
        finished = finished_of(answer.result) if answer.result is not None else None
        if answer.result is not None and finished is not None and finished.exit_code != _INTERRUPTED:
            return await self._what_serves(link, unit, answer, device_result(device, answer.result, finished))
        why = finished.message if finished is not None else why_ended(answer)
        if not answer.began:
            return _refused(device, why, NOT_STARTED)
        before = answer.before or await link.lasting(lambda found: _before(unit, found))
        status = await link.lasting(lambda found: status_of(found, self._tool, device, name_of(device)))
        if status.document.get("code") == NOTHING_DEPLOYED and before is not None and before.container is None:
            return msgspec.structs.replace(
                by_record(device, status, before, why), hint="jetson-deploy fleet up begins again"
            )
        return by_record(device, status, before, why)

    async def _what_serves(self, link: Link, unit: Unit, answer: BoardAnswer, result: DeviceResult) -> DeviceResult:
        """A run that failed may have touched nothing that serves: the device's own record tells."""
        if result.state != "failed":
            return result
        before = answer.before or await link.lasting(lambda found: _before(unit, found))
        if before is None or (before.container is None and not before.problem):
            return result
        try:
            status = await link.lasting(lambda found: status_of(found, self._tool, link.device, name_of(link.device)))
        except DeviceError as error:
            reason = f"{result.reason}; what serves now is not known: {error.message}"
            return msgspec.structs.replace(result, reason=reason)
        return what_serves(result, status, before)

    async def _to_its_end(self, link: Link, unit: Unit, show: Show) -> BoardAnswer:
        try:
            return await asyncio.wait_for(follow(link, unit, show), self._longest)
        except asyncio.TimeoutError:
            raise DeviceError(
                f"its unit did not end within {self._longest / 3600:g} h",
                hint=f"look there what it does: systemctl status {unit.name}",
                code=TOO_LONG,
            ) from None

    def _unit(self, device: Device, part: str = "") -> Unit:
        return Unit(name=f"jd-fleet-{self._rollout}{part}", environment=device.environment)

    def _link(self, device: Device) -> Link:
        return Link(self._transport, device, patience=self._patience, sleep=self._sleep)


def name_of(device: Device) -> str:
    """Of the deployment."""
    return str(device.settings.get("name") or "default")


async def _before(unit: Unit, connection: Connection) -> Before | None:
    return (await unit.ask(connection)).before


def _show(device: Device, report: Report) -> Show:
    def show(event: Event) -> None:
        report(device, event)

    return show


def _not_begun(device: Device, error: DeviceError) -> DeviceResult:
    if error.code in WORTH_ASKING_AGAIN:
        return _unreachable(device, error)
    return _refused(device, error.message, error.code, error.hint)


def _unreachable(device: Device, error: DeviceError) -> DeviceResult:
    return DeviceResult(device=device.name, state="unreachable", reason=error.message, hint=error.hint, code=error.code)


def _refused(device: Device, reason: str, code: str, hint: str = "") -> DeviceResult:
    hint = hint or "the journal of the unit on the device tells more"
    return DeviceResult(device=device.name, state="refused", reason=reason, hint=hint, code=code)


def _unknown(device: Device, error: DeviceError) -> DeviceResult:
    if error.code == NOT_READY:
        return DeviceResult(device=device.name, state="failed", reason=error.message, hint=error.hint, code=error.code)
    lost = "contact was lost while it worked" if isinstance(error, ConnectionLostError) else "it cannot be asked"
    return DeviceResult(
        device=device.name,
        state="unknown",
        reason=error.message if error.code == TOO_LONG else f"{lost}: {error.message}",
        hint="what was started there goes on by itself; jetson-deploy fleet resume takes it up again",
        code=error.code,
    )


def _rolled_back(result: DeviceResult) -> DeviceResult:
    """Of `rollback` and `down`, for which the one that was to go is the one before: where it serves on, they failed."""
    if result.state == "rolled-back":
        return msgspec.structs.replace(result, state="needs-attention")
    return msgspec.structs.replace(result, state="rolled-back") if result.state in ("proven", "unchanged") else result
