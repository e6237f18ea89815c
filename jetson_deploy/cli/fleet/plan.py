"""`fleet plan`: what a rollout would do to each device, and in sum; nothing is touched."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from jetson_deploy.cli.fleet.live import answers
from jetson_deploy.cli.fleet.options import MODEL, FleetOptions, fleet_options
from jetson_deploy.cli.fleet.rows import answer_rows
from jetson_deploy.cli.fleet.running import run
from jetson_deploy.cli.formatting import image_name
from jetson_deploy.units import size_text

if TYPE_CHECKING:
    from jetson_deploy.fleet.connection import Transport
    from jetson_deploy.fleet.end_state import DeviceResult
    from jetson_deploy.fleet.planning.device_plan import DevicePlan
    from jetson_deploy.fleet.planning.planned import PlannedDevice

HEADS = ("MODEL", "CONTEXT", "IMAGE", "CHANGE", "FETCH", "TIME", "DOWNTIME")


@click.command("plan")
@fleet_options
@MODEL
@click.option("--rate", metavar="RATE", help="Reckon with this many bytes a second, with K, M or G (20M).")
@click.option(
    "--save", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write the plan to FILE too."
)
def command(*, fleet: FleetOptions, model: str | None, rate: str | None, save: Path | None) -> int:
    """Show what would be deployed on each device, and in sum: image, model, context, bytes to fetch. Changes nothing.

    TIME is that of fetching, where a rate is known: from --rate, or measured on that device by an earlier rollout.
    DOWNTIME is that of its last cutover. What would be refused is shown with its reason; the exit code is then 9.
    """
    from jetson_deploy.store.rate import parse_rate

    speed = parse_rate(rate, limit=False) if rate is not None else None
    found = run(fleet, lambda transport: _planned(fleet, transport, model, speed))
    rows = [one.result for one in found]
    plans = {one.result.device: one.plan for one in found if one.plan is not None}
    if save is not None:
        from jetson_deploy.fleet.planning.saved import save as write

        at = datetime.now(timezone.utc).isoformat(timespec="seconds")
        write(save, inventory=fleet.inventory.source, at=at, devices=plans, model=model)
    total = _total(plans)
    return answer_rows(
        fleet,
        "plan",
        rows,
        heads=HEADS,
        cells=_cells,
        more={"sum": total},
        sums=_sums(total) if total.planned else (),
        done="planned",
    )


async def _planned(
    fleet: FleetOptions, transport: Transport, model: str | None, rate: float | None
) -> list[PlannedDevice]:
    from jetson_deploy.fleet.planning.measured import measured_before
    from jetson_deploy.fleet.planning.planned import planned

    return await planned(
        fleet.devices,
        transport,
        fleet.catalog(),
        source=fleet.inventory.source,
        said={"model": model} if model is not None else {},
        measured=measured_before(fleet.settings.fleet_dir),
        rate=rate,
        ended=answers(fleet),
    )


class Total(msgspec.Struct, frozen=True, kw_only=True):
    planned: int
    changed: int
    """Devices that are not as wanted yet."""
    refused: int
    fetch_bytes: int
    unknown_sizes: int
    """Devices whose image has no size on record: their bytes come on top."""


def _total(plans: dict[str, DevicePlan]) -> Total:
    decided = [plan for plan in plans.values() if plan.decided is not None]
    return Total(
        planned=len(decided),
        changed=sum(bool(plan.decided and plan.decided.steps) for plan in decided),
        refused=len(plans) - len(decided),
        fetch_bytes=sum((plan.image_bytes or 0) + plan.model_bytes for plan in decided),
        unknown_sizes=sum(plan.image_bytes is None for plan in decided),
    )


def _sums(total: Total) -> list[str]:
    unknown = f", and the images of {total.unknown_sizes} whose sizes are not known" if total.unknown_sizes else ""
    fetched = f"{size_text(total.fetch_bytes)} to fetch in all{unknown}"
    return [f"{total.changed} of {total.planned} devices would be changed; {fetched}; nothing was changed"]


def _cells(row: DeviceResult) -> Sequence[object]:
    said: dict[str, Any] = row.document or {}
    decided = said.get("decided")
    if not decided:
        return ("",) * len(HEADS)
    bytes_, seconds = said["fetch_bytes"], said["fetch_seconds"]
    return (
        decided["model"],
        decided["context_tokens"],
        image_name(decided["image"]),
        _change(decided["steps"]),
        size_text(bytes_, unknown="") if bytes_ != 0 else "nothing",
        time_text(seconds) if bytes_ != 0 else "",
        time_text(said["downtime_seconds"]),
    )


def _change(steps: Sequence[str]) -> str:
    if not steps:
        return "none"
    return "replace" if any(step.startswith("stop-container") for step in steps) else "deploy"


def time_text(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < 90:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
