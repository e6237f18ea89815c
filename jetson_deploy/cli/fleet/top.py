"""`fleet top`: one line for each device, live."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click
import msgspec

from jetson_deploy.cli.finite_range import FiniteRange
from jetson_deploy.cli.fleet.asked import ask_each, document_of
from jetson_deploy.cli.fleet.options import FleetOptions, fleet_options
from jetson_deploy.cli.fleet.rows import answer_rows
from jetson_deploy.cli.fleet.running import run
from jetson_deploy.cli.render import colours
from jetson_deploy.errors import InterruptedRunError, UsageError
from jetson_deploy.fleet.connection import Connection
from jetson_deploy.fleet.end_state import DeviceResult


@click.command("top")
@fleet_options
@click.option("--once", is_flag=True, help="Show each device once and exit.")
@click.option(
    "--period",
    type=FiniteRange(0.2, 3600),
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="Interval between two samples of a device.",
)
def command(*, fleet: FleetOptions, once: bool, period: float) -> int:
    """Show each device's model, speed, GPU, memory, temperature, throttling and alerts in a line, until Ctrl-C.

    A terminal gets a table, a pipe a line for each sample. What cannot be read is shown as -, never as 0. A device
    that is lost is asked again.
    """
    if fleet.as_json and not once and not fleet.as_events:
        raise UsageError("--json needs --once: top streams", hint="--once --json, or --events", code="usage")
    return _once(fleet, period) if once else _live(fleet, period)


def _once(fleet: FleetOptions, period: float) -> int:
    from jetson_deploy.cli.fleet.top_rows import HEADS, sample_cells
    from jetson_deploy.fleet.verbs.alarms import unseen
    from jetson_deploy.fleet.verbs.watching import two_samples
    from jetson_deploy.monitor.derived import model_side_unseen
    from jetson_deploy.monitor.sample_line import SampleLine

    shown: dict[str, Sequence[object]] = {}

    async def act(connection: Connection) -> DeviceResult:
        before, sample = await two_samples(connection, period)
        name = connection.device.name
        shown[name] = sample_cells(sample, before)
        document = msgspec.to_builtins(sample)
        if why := model_side_unseen(sample):
            return unseen(connection.device, why, document)
        return DeviceResult(device=name, state="done", document=document)

    def cells(result: DeviceResult) -> Sequence[object]:
        known = document_of(SampleLine, result) is not None
        return shown[result.device] if known else (None,) * (len(HEADS) - 1)

    return answer_rows(fleet, "top", ask_each(fleet, act), heads=HEADS[1:], cells=cells, done="sampled")


def _live(fleet: FleetOptions, period: float) -> int:
    from jetson_deploy.cli.fleet.top_views import EventView, LineView, TableView
    from jetson_deploy.fleet.verbs.watching import watch

    kind = EventView if fleet.as_events else TableView if colours(sys.stdout) else LineView
    with kind(fleet) as view:
        try:
            results = run(
                fleet,
                lambda transport: watch(transport, fleet.devices, period, heard=view.heard, lost=view.lost),
            )
        except InterruptedRunError:
            return 0
    return answer_rows(fleet, "top", results)
