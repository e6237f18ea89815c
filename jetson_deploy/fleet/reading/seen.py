"""One device, read and judged: what `fleet hosts` and `fleet plan` begin with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from jetson_deploy import __version__
from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.facts import HostFacts
from jetson_deploy.fleet.connection import Transport
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.end_state import DeviceResult
from jetson_deploy.fleet.failure import DeviceError
from jetson_deploy.fleet.reading.answer import BoardAnswer, ReadingAnswer
from jetson_deploy.fleet.reading.asked import Asked
from jetson_deploy.fleet.reading.facts import facts_of
from jetson_deploy.fleet.reading.headers import headless, with_headers
from jetson_deploy.fleet.reading.own_catalog import catalog_with, overlays_of
from jetson_deploy.fleet.reading.read import read
from jetson_deploy.install.version import Age, age

if TYPE_CHECKING:
    from jetson_deploy.catalog.catalog import Catalog

READ_CODES = ("no-python", "banner", "reading-", "sudo-refused", "no-session")
"""Of errors of a device that was reached."""


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    device: Device
    asked: Asked
    answer: ReadingAnswer
    facts: HostFacts
    clock_ahead: float | None
    catalog: Catalog | None = None
    """That of the device itself, where it has one of its own and all of it was read."""
    catalog_refusal: DeviceError | None = None
    """Why the tool there would refuse its own catalog."""

    @property
    def board(self) -> BoardAnswer:
        return self.answer.board

    @property
    def tool_age(self) -> Age | None:
        """Of the tool there, beside this one; None: there is none. One that was not installed as a package has no
        version on record: unknown."""
        tool = self.board.tool
        return age(tool.version or "", __version__) if tool.path is not None or tool.version else None


async def look(transport: Transport, device: Device, asked: Asked, catalog: Catalog) -> Seen:
    """Connects, reads, judges; nothing is changed there. Raises DeviceError."""
    async with transport.connect(device) as connection:
        stores = () if asked.store is None else (str(asked.store),)
        reading = await read(connection, stores=stores)
        own, refusal = _own_catalog(reading.answer, asked)
        catalog = own or catalog
        facts = facts_of(reading.answer, asked.settings, catalog, deployment=asked.name, store=asked.store)
        if names := headless(facts, asked, catalog):
            facts = await with_headers(connection, reading.answer, facts, names)
    return Seen(
        device=device,
        asked=asked,
        answer=reading.answer,
        facts=facts,
        clock_ahead=reading.clock_ahead,
        catalog=own,
        catalog_refusal=refusal,
    )


def _own_catalog(answer: ReadingAnswer, asked: Asked) -> tuple[Catalog | None, DeviceError | None]:
    """And why the tool there would refuse it."""
    there = set(map(Path, answer.board.overlays))
    if answer.live and (missing := [str(place) for place in asked.settings.catalog_dirs if place not in there]):
        text, hint = f"{missing[0]} is no catalog overlay there", "correct JETSON_DEPLOY_CATALOG, or create it there"
        return None, DeviceError(text, hint=hint, code="catalog-overlay-missing")
    overlays = overlays_of(answer.board.overlays, answer.board.catalogs)
    if not overlays:
        return None, None
    try:
        return catalog_with(overlays), None
    except DeviceError as error:
        return None, error


def not_seen(device: Device, error: JetsonDeployError) -> DeviceResult:
    """The row of a device that could not be reached, or that gave no usable answer."""
    reached = error.code.startswith(READ_CODES) or error.exit_code == 2
    return DeviceResult(
        device=device.name,
        state="refused" if reached else "unreachable",
        reason=error.message,
        hint=error.hint,
        code=error.code,
    )
