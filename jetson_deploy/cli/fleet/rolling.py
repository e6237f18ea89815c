"""What `fleet up` and `fleet resume` have in common: a rollout carried out before the user's eyes."""

from __future__ import annotations

import asyncio
import os
import socket
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from jetson_deploy import __version__
from jetson_deploy.cli.fleet.live import chosen_live
from jetson_deploy.cli.fleet.options import FleetOptions
from jetson_deploy.errors import InterruptedRunError, UsageError

if TYPE_CHECKING:
    from jetson_deploy.fleet.connection import Transport
    from jetson_deploy.fleet.device import Inventory
    from jetson_deploy.fleet.job.standing import Standing
    from jetson_deploy.fleet.rollout.lines import Asked, Who
    from jetson_deploy.fleet.rollout.record import Record
    from jetson_deploy.fleet.rollout.sequence import Rules
    from jetson_deploy.fleet.rollout.story import Story
    from jetson_deploy.fleet.rollout.work import Report, Work

ROLLBACK_ALL = click.option(
    "--rollback-all",
    is_flag=True,
    help="Where the rollout stops, bring back every device that it changed, each by its own rollback.",
)
PYTHON_ARCHIVE = click.option(
    "--python-archive",
    "python_archives",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="DIR",
    help="Directory with Python archives, for devices whose own is too old.",
)
WHEELHOUSE = click.option(
    "--wheelhouse",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="DIR",
    help="Directory with the wheels that are brought to devices; nothing is fetched then.",
)


class Tools(msgspec.Struct, frozen=True, kw_only=True):
    """Where that comes from which is brought to devices, and what is known of them."""

    wheelhouse: Path | None = None
    python_archives: Path | None = None
    standing: Standing | None = None
    """What is as wanted already, by the plans of this very run."""

    def work(self, transport: Transport, rollout: str, asked: Asked, report: Report) -> Work:
        from jetson_deploy.fleet.bring import bring
        from jetson_deploy.fleet.connection import Connection
        from jetson_deploy.fleet.deploy import DeviceJobs
        from jetson_deploy.fleet.packages import Parcels

        parcels = Parcels(wheelhouse=self.wheelhouse, python_archives=self.python_archives)

        async def brought(connection: Connection) -> str:
            return await bring(connection, parcels, lambda event: report(connection.device, event))

        return DeviceJobs(transport, rollout, brought, arguments=arguments_of(asked), standing=self.standing)


def rules_of(inventory: Inventory) -> Rules:
    """Raises UsageError naming the file and the key."""
    from jetson_deploy.fleet.rollout.batches import check_fields
    from jetson_deploy.fleet.rollout.sequence import rules

    try:
        said = rules(inventory.rollout)
        check_fields(said, inventory.devices)
    except UsageError as error:
        raise error.with_context(message=f"{inventory.source}: {error.message}") from None
    return said


def arguments_of(asked: Asked) -> tuple[str, ...]:
    """Of `up` on each device, beside its own settings."""
    return (
        *(() if asked.model is None else (asked.model,)),
        *(("--accept-cpu",) if asked.accept_cpu else ()),
        *(("--force",) if asked.force else ()),
        *(() if asked.when_idle is None else ("--when-idle", f"{asked.when_idle:g}")),
    )


async def carried_out(
    fleet: FleetOptions, transport: Transport, record: Record, story: Story, tools: Tools, *, rollback_all: bool
) -> None:
    """Until the rollout's end. The first line is the controller's."""
    from jetson_deploy.cli.fleet.narrated import narrated
    from jetson_deploy.fleet.rollout.executor import carry_out
    from jetson_deploy.fleet.rollout.lines import Taken
    from jetson_deploy.fleet.rollout.run import Clock, Run

    devices = {device.name: device for device in fleet.inventory.devices if device.name in story.devices}
    with chosen_live(fleet) as live:
        work = tools.work(transport, story.opened.id, story.opened.asked, live.event)
        clock = Clock(now=lambda: datetime.now().astimezone(), sleep=asyncio.sleep)
        see = narrated(live, story.opened, devices)
        run = Run(record, story, work, devices, clock=clock, report=live.event, see=see)
        run.write(Taken(who=who()))
        await carry_out(run, rollback_all=rollback_all)


def carry_to_the_end(
    fleet: FleetOptions,
    transport: Transport,
    record: Record,
    story: Story,
    tools: Tools,
    *,
    rollback_all: bool,
) -> int:
    """The rollout, its table and the exit code. Raises InterruptedRunError saying what goes on."""
    from jetson_deploy.cli.fleet.running import in_loop

    async def make(opened: Transport) -> None:
        await carried_out(fleet, opened, record, story, tools, rollback_all=rollback_all)

    try:
        in_loop(transport, make)
    except InterruptedRunError as error:
        hint = f"the devices that were begun go on; jetson-deploy fleet resume {story.opened.id} takes it up again"
        raise error.with_context(message=f"rollout {story.opened.id} was interrupted", hint=hint) from None
    return concluded(fleet, story)


def concluded(fleet: FleetOptions, story: Story) -> int:
    """Each of its devices once."""
    from jetson_deploy.cli.fleet.records import HEADS, cells_of
    from jetson_deploy.cli.fleet.rows import answer_rows
    from jetson_deploy.fleet.rollout.summary import results, summary

    found = summary(story, working=False)
    of_rollout = tuple(device for device in fleet.inventory.devices if device.name in story.devices)
    about = {key: value for key, value in msgspec.to_builtins(found).items() if key not in ("devices", "schema")}
    return answer_rows(
        msgspec.structs.replace(fleet, devices=of_rollout),
        "up",
        results(found),
        heads=HEADS,
        cells=cells_of(found),
        more={"rollout": about},
    )


def who() -> Who:
    from jetson_deploy.fleet.rollout.lines import Who
    from jetson_deploy.state.actor import actor

    by = actor("fleet")
    return Who(user=by.user, host=socket.gethostname(), pid=os.getpid(), source=by.source, version=__version__)
