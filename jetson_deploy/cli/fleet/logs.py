"""`fleet logs`: the servers' logs, each line with its device."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable

import click

from jetson_deploy.cli.fleet.asked import ask_each
from jetson_deploy.cli.fleet.cells import cell
from jetson_deploy.cli.fleet.options import FleetOptions, fleet_options
from jetson_deploy.cli.fleet.rows import answer_rows
from jetson_deploy.cli.render import event_line, say
from jetson_deploy.cli.streams import ReaderGone, write
from jetson_deploy.errors import InterruptedRunError, UsageError
from jetson_deploy.fleet.connection import Connection
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.end_state import DeviceResult
from jetson_deploy.fleet.failure import DeviceError
from jetson_deploy.fleet.verbs.log_tails import LINE


@click.command("logs")
@fleet_options
@click.option("-f", "--follow", is_flag=True, help="Follow the logs until Ctrl-C, over lost connections.")
@click.option(
    "--tail",
    "lines",
    type=click.IntRange(1, 10_000),
    default=20,
    show_default=True,
    metavar="N",
    help="Start N lines before the end of each log.",
)
def command(*, fleet: FleetOptions, follow: bool, lines: int) -> int:
    """Show the servers' logs, each line behind its device's name. Control characters are shown escaped.

    Exit 9 when one of them cannot be read.
    """
    if follow and fleet.as_json and not fleet.as_events:
        raise UsageError("--follow never ends, and --json is one document", hint="use --events", code="usage")
    width = max(len(cell(device.name)) for device in fleet.devices)
    show = _event if fleet.as_events else _line(width)
    return _followed(fleet, lines, show) if follow else _tails(fleet, lines, show)


def _tails(fleet: FleetOptions, lines: int, show: Callable[[Device, str], None]) -> int:
    from jetson_deploy.fleet.verbs.log_tails import tail

    found: dict[str, list[str]] = {}

    async def act(connection: Connection) -> DeviceResult:
        result, found[connection.device.name] = await tail(connection, lines)
        return result

    results = ask_each(fleet, act)
    if fleet.as_json and not fleet.as_events:
        return answer_rows(fleet, "logs", results, more={"logs": found})
    with contextlib.suppress(ReaderGone):
        for device in fleet.devices:
            for line in found.get(device.name, ()):
                show(device, line)
    return _ended(fleet, results)


def _followed(fleet: FleetOptions, lines: int, show: Callable[[Device, str], None]) -> int:
    from jetson_deploy.cli.fleet.live import answers
    from jetson_deploy.cli.fleet.running import run
    from jetson_deploy.fleet.verbs.log_follower import follow_each

    lost = _lost_event if fleet.as_events else _lost
    try:
        results = run(
            fleet,
            lambda transport: follow_each(transport, fleet.devices, lines, heard=show, lost=lost, ended=answers(fleet)),
        )
    except (InterruptedRunError, ReaderGone):
        return 0
    return _ended(fleet, results)


def _ended(fleet: FleetOptions, results: list[DeviceResult]) -> int:
    """The logs are the answer on stdout; what could not be read is said on stderr."""
    if fleet.as_events:
        return answer_rows(fleet, "logs", results)
    bad = [one for one in results if one.state != "done"]
    for one in bad:
        say(f"{cell(one.device)}: {one.state}: {cell(one.reason, 160)}")
        say(f"hint: {cell(one.hint, 160)}")
    return 9 if bad else 0


def _line(width: int) -> Callable[[Device, str], None]:
    return lambda device, line: write(sys.stdout, f"{cell(device.name):<{width}}  {_text(line)}\n")


def _event(device: Device, line: str) -> None:
    write(sys.stdout, event_line({"event": "log", "device": device.name, "text": line}) + "\n")


def _lost(device: Device, error: DeviceError) -> None:
    say(f"{cell(device.name)}: {cell(error.message, 160)}; asked again, behind the last line that came")


def _lost_event(device: Device, error: DeviceError) -> None:
    line = {"event": "device-lost", "device": device.name, "code": error.code, "reason": error.message}
    write(sys.stdout, event_line(line) + "\n")


def _text(line: str) -> str:
    return cell(line, LINE) if line else ""
