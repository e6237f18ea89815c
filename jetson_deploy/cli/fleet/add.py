"""`fleet add`: connects to devices, shows what they are, and writes those that answer into fleet.yaml."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from jetson_deploy.cli.fleet.hosts import HEADS, cells_of, looked
from jetson_deploy.cli.fleet.options import FleetOptions, typed_fleet_options
from jetson_deploy.cli.fleet.rows import answer_rows
from jetson_deploy.cli.fleet.running import run
from jetson_deploy.fleet.end_state import DeviceResult


@click.command("add")
@typed_fleet_options
@click.option(
    "-i",
    "--inventory",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("fleet.yaml"),
    show_default=True,
    metavar="FILE",
    help="The fleet.yaml to write into; a new one where there is none.",
)
@click.option("--group", "groups", multiple=True, metavar="GROUP", help="Put them into this group; repeatable.")
def command(*, fleet: FleetOptions, file: Path, groups: tuple[str, ...]) -> int:
    """Connect to each HOST ([USER@]HOST[:PORT], or board[01:20]), show its board, and write it into fleet.yaml.

    Comments and all other lines stay as they are. A device that does not answer is not written. Nothing is changed on
    the devices; a host key that is not known is refused: `jetson-deploy fleet trust HOST` shows and keeps it.
    """
    from jetson_deploy.fleet.inventory.adding import added, check_new, replace

    before = check_new(file, fleet.devices, groups)
    added(before, file, fleet.devices, groups)  # what cannot be written is refused before any device is asked
    rows = run(fleet, lambda transport: looked(fleet, transport))
    there = {row.device for row in rows if row.state == "done"}
    devices = [device for device in fleet.devices if device.name in there]
    if devices:
        replace(file, before, added(before, file, devices, groups))
    written = [device.name for device in devices]
    results = [_result(row, file) for row in rows]
    more: dict[str, object] = {"file": str(file), "written": written}
    return answer_rows(fleet, "add", results, heads=HEADS, cells=cells_of, more=more, done="added")


def _result(row: DeviceResult, file: Path) -> DeviceResult:
    if row.state != "done":
        return row
    return msgspec.structs.replace(row, reason=f"written into {file}")
