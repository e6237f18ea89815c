"""The answer of a verb: a row for each device, as a table, one document (--json), or the last event (--events)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import msgspec

from jetson_deploy.cli.finish import finish
from jetson_deploy.cli.fleet.cells import REASON, cell
from jetson_deploy.cli.fleet.options import FleetOptions
from jetson_deploy.cli.formatting import aligned
from jetson_deploy.errors import FleetError
from jetson_deploy.fleet.end_state import AS_WANTED, DeviceResult, EndState

FAILED = FleetError.exit_code
_NAMED = 5

Cells = Callable[[DeviceResult], Sequence[object]]
"""What stands between the state and the reason, in the order of the heads."""


def answer_rows(
    fleet: FleetOptions,
    verb: str,
    results: Sequence[DeviceResult],
    *,
    heads: Sequence[str] = (),
    cells: Cells = lambda result: (),
    more: dict[str, object] | None = None,
    wanted: frozenset[EndState] = AS_WANTED,
    sums: Sequence[str] = (),
    done: str = "done",
) -> int:
    """Print it and return the exit code: 0 where every selected device is as wanted, else 9.

    `more`: keys of the document beside the devices; `sums`: lines below the table. `done`: what that state means of
    this verb, for people. The document's schema is
    jetson-deploy.fleet-VERB/1.
    """
    rows = in_order(fleet, results)
    good = all(row.state in wanted for row in rows)
    result = "done" if good else "some-devices-failed"
    document = {
        "schema": f"jetson-deploy.fleet-{verb}/1",
        "result": result,
        "inventory": fleet.inventory.source,
        "counts": dict(Counter(row.state for row in rows)),
        **(more or {}),
        "devices": [msgspec.to_builtins(row) for row in rows],
    }
    text = "\n".join(_lines(rows, heads, cells, wanted, done, quiet=fleet.quiet, verbose=fleet.verbose, sums=sums))
    code = 0 if good else FAILED
    return finish(
        fleet, document, (lambda: text) if text else None, code=code, result=result, message=counted(rows, done)
    )


def in_order(fleet: FleetOptions, results: Sequence[DeviceResult]) -> list[DeviceResult]:
    """Each selected device exactly once, in the order of the selection; anything else is a bug."""
    found = {result.device: result for result in results}
    if len(found) != len(results) or set(found) != {device.name for device in fleet.devices}:
        raise ValueError(f"{len(results)} results of {len(found)} devices, of {len(fleet.devices)} that were selected")
    return [found[device.name] for device in fleet.devices]


def counted(rows: Sequence[DeviceResult], done: str = "done") -> str:
    """`3 done, 2 unreachable`."""
    return ", ".join(f"{number} {state}" for state, number in Counter(_word(row, done) for row in rows).most_common())


def _word(row: DeviceResult, done: str) -> str:
    return done if row.state == "done" else row.state


def _lines(
    rows: Sequence[DeviceResult],
    heads: Sequence[str],
    cells: Cells,
    wanted: frozenset[EndState],
    done: str,
    *,
    quiet: bool,
    verbose: bool,
    sums: Sequence[str],
) -> Iterator[str]:
    listed = [row for row in rows if row.state not in wanted] if quiet else rows
    if listed:
        yield from table_rows(listed, heads, cells, done)
    if not quiet:
        yield ""
        yield counted(rows, done)
        yield from sums
    yield from hints(rows, len(rows) if verbose else _NAMED)


def table_rows(rows: Sequence[DeviceResult], heads: Sequence[str], cells: Cells, done: str = "done") -> list[str]:
    """With a head; every text of a device stays in its row."""
    lines = [("DEVICE", "STATE", *heads, "REASON")]
    for row in rows:
        between = [cell(one) for one in cells(row)]
        lines.append((cell(row.device), _word(row, done), *between, cell(row.reason, REASON) if row.reason else ""))
    if not any(line[-1] for line in lines[1:]):
        lines = [line[:-1] for line in lines]
    return aligned(lines)


def hints(rows: Sequence[DeviceResult], named: int = _NAMED) -> Iterator[str]:
    """Each once, with the devices that it is for."""
    devices: dict[str, list[str]] = {}
    for row in rows:
        if row.hint:
            devices.setdefault(cell(row.hint, REASON), []).append(cell(row.device))
    for hint, names in devices.items():
        more = f" and {len(names) - named} more" if len(names) > named else ""
        yield f"hint ({', '.join(names[:named])}{more}): {hint}"
