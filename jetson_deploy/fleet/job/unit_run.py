"""One unit on one device: started once, followed to its end, and how the device ended by it."""

from __future__ import annotations

import asyncio

import msgspec

from jetson_deploy.fleet.connection import Connection
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.end_state import DeviceResult
from jetson_deploy.fleet.failure import SUDO_REFUSED, DeviceError
from jetson_deploy.fleet.job.board import NO_SPACE, NOT_STARTED, BoardAnswer, Unit
from jetson_deploy.fleet.job.ending import device_result, finished_of, why_ended
from jetson_deploy.fleet.job.folder import Before, Wanted
from jetson_deploy.fleet.job.follow import Show, follow
from jetson_deploy.fleet.job.link import Link
from jetson_deploy.fleet.job.not_ended import TOO_LONG, not_begun, refused, unknown
from jetson_deploy.fleet.job.record import NOTHING_DEPLOYED, by_record, status_of, what_serves

_INTERRUPTED = 130


class UnitRun:
    """`tool`: for the questions behind it. `longest`: seconds for one unit."""

    def __init__(self, tool: str, longest: float) -> None:
        self._tool, self._longest = tool, longest

    async def run(
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
            return not_begun(link.device, error) if never else unknown(link.device, error)
        try:
            return await self.followed(link, unit, answer, show)
        except DeviceError as error:
            return unknown(link.device, error)

    async def followed(self, link: Link, unit: Unit, answer: BoardAnswer, show: Show) -> DeviceResult:
        """The result of a unit that began. Raises DeviceError when the device could not be asked for too long."""
        device = link.device
        if answer.result is None:
            answer = await self._to_its_end(link, unit, show)
        finished = finished_of(answer.result) if answer.result is not None else None
        if answer.result is not None and finished is not None and finished.exit_code != _INTERRUPTED:
            return await self._what_serves(link, unit, answer, device_result(device, answer.result, finished))
        why = finished.message if finished is not None else why_ended(answer)
        if not answer.began:
            return refused(device, why, NOT_STARTED)
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
                hint=f"look there what it does: systemctl status {unit.name}; then jetson-deploy fleet resume",
                code=TOO_LONG,
            ) from None


def name_of(device: Device) -> str:
    """Of the deployment."""
    return str(device.settings.get("name") or "default")


async def _before(unit: Unit, connection: Connection) -> Before | None:
    return (await unit.ask(connection)).before
