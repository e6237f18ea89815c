"""`fleet up`: many devices brought to what the inventory asks for, batch by batch, each proven."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from jetson_deploy.cli import candidates
from jetson_deploy.cli.finite_range import FiniteRange
from jetson_deploy.cli.fleet.agreed import confirm_rollout
from jetson_deploy.cli.fleet.options import MODEL, FleetOptions, fleet_options
from jetson_deploy.cli.fleet.rolling import PYTHON_ARCHIVE, ROLLBACK_ALL, WHEELHOUSE, Tools, carry_to_the_end, rules_of
from jetson_deploy.errors import UsageError

if TYPE_CHECKING:
    from jetson_deploy.fleet.connection import Transport
    from jetson_deploy.fleet.job.standing import Standing
    from jetson_deploy.fleet.planning.planned import PlannedDevice
    from jetson_deploy.fleet.planning.saved import SavedPlan
    from jetson_deploy.fleet.rollout.amount import Amount
    from jetson_deploy.fleet.rollout.lines import Asked, Opened
    from jetson_deploy.fleet.rollout.sequence import Rules


@click.command("up")
@fleet_options
@MODEL
@click.option("--accept-cpu", is_flag=True, help="Accept devices that serve without the GPU.")
@click.option("--force", is_flag=True, help="Redeploy even where nothing differs; retry a revision that failed.")
@click.option(
    "--when-idle",
    type=FiniteRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Defer devices whose server was used within the last SECONDS.",
)
@click.option(
    "--canary",
    "canaries",
    multiple=True,
    metavar="HOST",
    help="Devices that go first; repeatable.",
    shell_complete=candidates.devices,
)
@click.option("--batch", "size", metavar="N|P%", help="Size of each batch, instead of the inventory's sequence.")
@click.option("--soak", metavar="TIME", help="Between a device's two proofs (90s, 10m), instead of the inventory's.")
@click.option(
    "--plan",
    "saved",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Carry out this saved plan; a device for which it would differ now is refused.",
)
@click.option("--retry-failed", is_flag=True, help="Only the devices that the last rollout left not as wanted.")
@ROLLBACK_ALL
@WHEELHOUSE
@PYTHON_ARCHIVE
@click.option("--yes", is_flag=True, help="Begin without asking.")
def command(
    *,
    fleet: FleetOptions,
    model: str | None,
    accept_cpu: bool,
    force: bool,
    when_idle: float | None,
    canaries: tuple[str, ...],
    size: str | None,
    soak: str | None,
    saved: Path | None,
    retry_failed: bool,
    rollback_all: bool,
    wheelhouse: Path | None,
    python_archives: Path | None,
    yes: bool,
) -> int:
    """Bring devices to what the inventory asks for: canaries, then batches, each let through by its devices' proofs.

    Everything is read and planned first, and shown. On each device the same `jetson-deploy up` runs as a unit of its
    own: a lost network or a closed laptop stops none, and `fleet resume` takes the view up again. A device succeeds by
    two proofs, its own and one after the soak. Below a batch's success threshold the rollout stops, and nothing else
    is touched; a device that its plan refuses counts as failed in its batch. Exit 9 where a device is not as wanted.
    """
    from jetson_deploy.cli.fleet.running import in_loop, transports
    from jetson_deploy.fleet.planning.saved import read_saved
    from jetson_deploy.fleet.rollout.amount import some
    from jetson_deploy.fleet.rollout.lines import Asked
    from jetson_deploy.fleet.rollout.record import created
    from jetson_deploy.fleet.rollout.story import Story

    if retry_failed:
        fleet = _failed_ones(fleet)
    said, each = _rules(fleet, soak), None if size is None else some(size, "--batch", "give 1 or more")
    held = None if saved is None else read_saved(saved)
    model = held.model if held is not None and model is None else model
    asked = Asked(model=model, accept_cpu=accept_cpu, force=force, when_idle=when_idle)
    opened_transport = transports(fleet)
    planned = in_loop(opened_transport(), lambda transport: _planned(fleet, transport, asked, held))
    opened = _opened(fleet, asked, planned, said, canaries=canaries, size=each, rollback_all=rollback_all)
    confirm_rollout(fleet, opened, planned, yes=yes)
    tools = Tools(wheelhouse=wheelhouse, python_archives=python_archives, standing=_standing(asked, planned))
    with created(fleet.settings.fleet_dir / opened.id) as record:
        first = record.append(opened, _now())
        return carry_to_the_end(fleet, opened_transport(), record, Story([first]), tools, rollback_all=rollback_all)


def _failed_ones(fleet: FleetOptions) -> FleetOptions:
    """Raises UsageError: the last rollout left none of the selected."""
    from jetson_deploy.fleet.rollout.kept import directory_of
    from jetson_deploy.fleet.rollout.summary import not_as_wanted, read_summary

    last = read_summary(directory_of(fleet.settings.fleet_dir, None))
    failed = not_as_wanted(last)
    devices = tuple(device for device in fleet.devices if device.name in failed)
    if not devices:
        text = f"rollout {last.id} left no selected device that is not as wanted"
        hint = f"jetson-deploy fleet show {last.id} shows how each ended"
        raise UsageError(text, hint=hint, code="nothing-failed")
    return msgspec.structs.replace(fleet, devices=devices)


def _rules(fleet: FleetOptions, soak: str | None) -> Rules:
    from jetson_deploy.fleet.rollout.amount import duration
    from jetson_deploy.fleet.rollout.sequence import with_soak

    said = rules_of(fleet.inventory)
    return said if soak is None else with_soak(said, duration(soak, "--soak"))


async def _planned(
    fleet: FleetOptions, transport: Transport, asked: Asked, held: SavedPlan | None
) -> list[PlannedDevice]:
    from jetson_deploy.fleet.planning.planned import planned
    from jetson_deploy.fleet.planning.saved import held_to

    said = {} if asked.model is None else {"model": asked.model}
    found = await planned(
        fleet.devices,
        transport,
        fleet.catalog(),
        source=fleet.inventory.source,
        said={**said, "accept_cpu": True} if asked.accept_cpu else said,
        force=asked.force,
    )
    return found if held is None else [held_to(held, one) for one in found]


def _opened(
    fleet: FleetOptions,
    asked: Asked,
    planned: list[PlannedDevice],
    said: Rules,
    *,
    canaries: tuple[str, ...],
    size: Amount | None,
    rollback_all: bool,
) -> Opened:
    from jetson_deploy.fleet.inventory.pattern import select
    from jetson_deploy.fleet.rollout.begin import begin, reread
    from jetson_deploy.fleet.rollout.kept import new_id

    return begin(
        new_id(datetime.now(timezone.utc)),
        fleet.devices,
        said,
        inventory=reread(fleet.inventory),
        asked=asked,
        match=lambda pattern, devices: select(fleet.inventory, (pattern,)),
        keys={one.result.device: None if one.plan is None else one.plan.key for one in planned},
        unchanged=frozenset(one.result.device for one in planned if _is_as_wanted(one)),
        canaries=canaries,
        size=size,
        read=[one.result for one in planned if one.result.state != "done"],
        rollback_all=rollback_all,
    )


def _is_as_wanted(one: PlannedDevice) -> bool:
    return (
        one.result.state == "done"
        and one.plan is not None
        and one.plan.decided is not None
        and not one.plan.decided.steps
    )


def _standing(asked: Asked, planned: list[PlannedDevice]) -> Standing | None:
    """With --when-idle its own `up` says whether it is in use, and a question would be such use."""
    from jetson_deploy.fleet.job.standing import Standing
    from jetson_deploy.fleet.planning.make import OWN_CATALOG

    if asked.when_idle is not None:
        return None
    serving = {
        one.result.device: one.plan.ground.deployed
        for one in planned
        if _is_as_wanted(one)
        and one.plan is not None
        and one.plan.ground.deployed is not None
        and not any(text.startswith(OWN_CATALOG) for text in one.plan.warnings)
    }
    return Standing(serving)


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
