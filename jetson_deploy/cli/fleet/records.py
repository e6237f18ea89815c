"""What verbs share that read records of rollouts, and ask no device: the options, and the texts."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from jetson_deploy.cli.fleet.cells import REASON, cell
from jetson_deploy.cli.fleet.rows import Cells, hints, table_rows
from jetson_deploy.cli.formatting import aligned, when
from jetson_deploy.settings import Settings

if TYPE_CHECKING:
    from jetson_deploy.fleet.rollout.summary import DeviceSummary, RolloutSummary

Result = TypeVar("Result")


class RecordOptions(msgspec.Struct, frozen=True, kw_only=True):
    as_json: bool
    as_events: bool
    quiet: bool
    verbose: bool
    settings: Settings


HEADS = ("BATCH", "TOK/S", "DOWN")
ROLLOUT = click.argument("rollout", required=False, metavar="[ROLLOUT]")
_OPTIONS = (
    click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout."),
    click.option("--events", "as_events", is_flag=True, help="Print NDJSON events on stdout; the last is `finished`."),
    click.option("-q", "--quiet", is_flag=True, help="Print errors only."),
    click.option("-v", "--verbose", is_flag=True, help="Show every detail."),
)


def record_options(command: Callable[..., Result]) -> Callable[..., Result]:
    """The form of the answer; passed on as `form`."""

    @functools.wraps(command)
    def called(*, as_json: bool, as_events: bool, quiet: bool, verbose: bool, **given: Any) -> Result:
        form = RecordOptions(
            as_json=as_json, as_events=as_events, quiet=quiet, verbose=verbose, settings=Settings.from_environment()
        )
        return command(form=form, **given)

    for decorate in reversed(_OPTIONS):
        called = decorate(called)
    return called


def state_text(found: RolloutSummary) -> str:
    """How it stands in a few words."""
    if found.working:
        return found.held or "working"
    return found.result or "interrupted"


def counts(found: RolloutSummary) -> str:
    """`3 proven, 1 failed`."""
    return ", ".join(f"{number} {state}" for state, number in Counter(d.state for d in found.devices).most_common())


def rollout_lines(found: RolloutSummary, *, verbose: bool) -> Iterator[str]:
    """All of it: batches, then every device once."""
    by = f"{found.user} on {found.host}" if found.user else "unknown"
    yield f"rollout {found.id}, {state_text(found)}: began {when(found.began)} by {cell(by)}"
    if found.reason:
        yield f"  {cell(found.reason, REASON)}"
    yield ""
    head = ("BATCH", "", "DEVICES", "PASSED", "")
    rows = [
        (str(one.number), cell(one.title), str(one.devices), _passed(one.passed), cell(one.judgement, REASON))
        for one in found.batches
    ]
    yield from aligned([head, *((*row[:-1], "" if row[-1] == "-" else row[-1]) for row in rows)])
    yield ""
    yield from device_lines(found, verbose=verbose)


def device_lines(found: RolloutSummary, *, verbose: bool) -> Iterator[str]:
    from jetson_deploy.fleet.rollout.summary import results

    rows = results(found)
    yield from table_rows(rows, HEADS, cells_of(found))
    yield ""
    yield counts(found)
    yield from hints(rows, len(rows) if verbose else 5)


def cells_of(found: RolloutSummary) -> Cells:
    """Under HEADS."""
    by_name = {one.device: one for one in found.devices}
    return lambda row: _cells(by_name[row.device])


def _cells(one: DeviceSummary) -> tuple[object, ...]:
    rate, down = one.tokens_per_second, one.downtime_seconds
    return one.batch, None if rate is None else f"{rate:.1f}", None if down is None else f"{down:.1f} s"


def _passed(passed: bool | None) -> str:
    return "-" if passed is None else "yes" if passed else "no"
