"""What a rollout would do, shown before it begins, and the user's yes."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from jetson_deploy.cli.agree import must_agree
from jetson_deploy.cli.fleet.cells import REASON, cell, many
from jetson_deploy.cli.fleet.options import FleetOptions
from jetson_deploy.cli.fleet.rows import table_rows
from jetson_deploy.cli.formatting import aligned, image_name
from jetson_deploy.cli.render import say
from jetson_deploy.errors import UsageError
from jetson_deploy.units import size_text

if TYPE_CHECKING:
    from jetson_deploy.fleet.planning.planned import PlannedDevice
    from jetson_deploy.fleet.rollout.batches import Batch
    from jetson_deploy.fleet.rollout.lines import Opened

_SHOWN = 6
"""Devices named of a batch."""


def confirm_rollout(fleet: FleetOptions, opened: Opened, planned: Sequence[PlannedDevice], *, yes: bool) -> None:
    """Where something would be changed. Raises UsageError: there is no terminal; InterruptedRunError: no."""
    if not fleet.quiet:
        for line in summed(opened, planned):
            say(line)
    changed = len([one for one in planned if _is_changed(one)])
    unread = len(opened.away)  # they are asked again in their batch, and changed where they answer then
    if yes or not changed + unread:
        return
    more = f", and {many(unread)} that could not be read" if unread else ""
    if fleet.as_json or fleet.as_events or not (sys.stdin.isatty() and sys.stderr.isatty()):
        hint = "add --yes; jetson-deploy fleet plan shows the plan of each device"
        text = f"{many(changed)}{more} would be changed, and there is no terminal to ask on"
        raise UsageError(text, hint=hint, code="not-confirmed")
    hint = "jetson-deploy fleet plan shows the plan of each device"
    must_agree(f"Change {many(changed)}{more}?", "nothing was begun", hint=hint)


def summed(opened: Opened, planned: Sequence[PlannedDevice]) -> Iterator[str]:
    """In sum, what cannot be done and why, and the batches."""
    kinds: Counter[tuple[str, str]] = Counter()
    for one in planned:
        if one.plan is not None and one.plan.decided is not None and _is_changed(one):
            kinds[(one.plan.decided.model, image_name(one.plan.decided.image))] += 1
    for (model, image), number in kinds.most_common():
        yield f"to be changed: {many(number)}, to {cell(model)} with {cell(image, REASON)}"
    plans = [one.plan for one in planned if one.plan is not None and _is_changed(one)]
    fetched = sum((plan.image_bytes or 0) + plan.model_bytes for plan in plans)
    if fetched:
        yield f"to be fetched: {size_text(fetched)} in all"
    if same := len([one for one in planned if one.result.state == "done"]) - len(plans):
        yield f"as wanted already, and checked: {many(same)}"
    against = [one.result for one in planned if one.result.state != "done"]
    if against:
        yield from table_rows(against, (), lambda row: ())
    yield from aligned([("BATCH", "", "DEVICES", "THRESHOLD", "SOAK", ""), *map(_cells_of_batch, opened.batches)])


def _is_changed(one: PlannedDevice) -> bool:
    return one.result.state == "done" and bool(one.plan and one.plan.decided and one.plan.decided.steps)


def _cells_of_batch(batch: Batch) -> tuple[str, ...]:
    more = f" and {len(batch.devices) - _SHOWN} more" if len(batch.devices) > _SHOWN else ""
    names = ", ".join(map(cell, batch.devices[:_SHOWN])) + more
    threshold, soak = f"{batch.success_threshold:g} %", f"{batch.soak:g} s"
    return str(batch.number), cell(batch.title), str(len(batch.devices)), threshold, soak, names
