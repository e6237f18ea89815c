"""`fleet run`: one command on many devices, with its output device by device."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from jetson_deploy.cli.finite_range import FiniteRange
from jetson_deploy.cli.fleet.cells import cell
from jetson_deploy.cli.fleet.options import FleetOptions, limited_fleet_options
from jetson_deploy.errors import UsageError
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.end_state import DeviceResult, result_of
from jetson_deploy.names import shown

if TYPE_CHECKING:
    from jetson_deploy.fleet.connection import Transport

OUTPUT_BYTES = 256 << 10
"""Of a device: 200 of them must not fill the controller's memory."""
LINE = 4096


@click.command("run")
@limited_fleet_options
@click.option("--sudo", "root", is_flag=True, help="Run it as root.")
@click.option(
    "--timeout",
    "seconds",
    type=FiniteRange(min=0, min_open=True),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="Give a device up after so long.",
)
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- COMMAND...")
def command(*, fleet: FleetOptions, root: bool, seconds: float, words: tuple[str, ...]) -> int:
    """Run a command on devices; exit 9 where it fails on some.

    One word is a line of the shell there ('df -h / | tail -1'); of several each is passed on as it is. Every line
    of the output stands behind its device's name: | for what it says, ! for its errors.
    """
    from jetson_deploy.cli.fleet.live import answers
    from jetson_deploy.cli.fleet.rows import answer_rows
    from jetson_deploy.cli.fleet.running import run
    from jetson_deploy.cli.render import answer
    from jetson_deploy.fleet.each import each

    line = _line(fleet, words)

    async def make(transport: Transport) -> Sequence[DeviceResult]:
        async def one(device: Device) -> DeviceResult:
            async with transport.connect(device) as connection:
                found = await connection.run(line, seconds=seconds, root=root, limit=OUTPUT_BYTES)
            return _result(device, found.exit_status, found.stdout, found.stderr, found.cut)

        return await each(fleet.devices, one, failed=result_of, ended=answers(fleet))

    results = run(fleet, make, goes_on="a command that began there may go on")
    if not (fleet.as_json or fleet.as_events):
        text = "\n".join(one for result in results for one in _output(result))
        if text:
            answer(text)
    return answer_rows(fleet, "run", results)


def _line(fleet: FleetOptions, words: tuple[str, ...]) -> str:
    """Raises UsageError: no command, or a device where other verbs have one."""
    line = words[0] if len(words) == 1 else shlex.join(words)
    if not line.strip():
        raise UsageError("the command is empty", hint="jetson-deploy fleet run -- 'df -h / | tail -1'", code="usage")
    if words[0] in fleet.inventory.groups or any(words[0] == device.name for device in fleet.inventory.devices):
        problem = f"{shown(words[0])} is a device or a group, no command"
        hint = f"jetson-deploy fleet run --limit {shown(words[0])} -- COMMAND runs one there alone"
        raise UsageError(problem, hint=hint, code="usage")
    return line


def _result(device: Device, status: int, stdout: bytes, stderr: bytes, cut: bool) -> DeviceResult:
    said, complained = stdout.decode("utf-8", "replace"), stderr.decode("utf-8", "replace")
    document: dict[str, object] = {"exit_status": status, "stdout": said, "stderr": complained, "cut": cut}
    reason = f"more than {OUTPUT_BYTES >> 10} KiB of output; the rest was dropped" if cut else ""
    if status == 0:
        return DeviceResult(device=device.name, state="done", reason=reason, document=document)
    last = next((line.strip() for line in reversed(complained.splitlines()) if line.strip()), "")
    reason = f"exit {status}" + (f": {last}" if last else "")
    return DeviceResult(device=device.name, state="failed", reason=reason, code="command-failed", document=document)


def _output(result: DeviceResult) -> Iterator[str]:
    for key, mark in (("stdout", "|"), ("stderr", "!")):
        text = str((result.document or {}).get(key, ""))
        lines = text.removesuffix("\n").split("\n") if text else []
        for line in lines:
            shown = cell(line.rstrip("\r").expandtabs(), LINE) if line.strip() else ""
            yield f"{cell(result.device)} {mark} {shown}".rstrip()
