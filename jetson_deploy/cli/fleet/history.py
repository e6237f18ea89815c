"""`fleet history`: the rollouts that were begun on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import msgspec

from jetson_deploy.cli.finish import finish
from jetson_deploy.cli.fleet.cells import cell
from jetson_deploy.cli.fleet.records import RecordOptions, counts, record_options, state_text
from jetson_deploy.cli.formatting import table, when

if TYPE_CHECKING:
    from jetson_deploy.fleet.rollout.summary import RolloutSummary


class HistoryDocument(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="jetson-deploy.fleet-history/1"
):
    rollouts: tuple[Listed, ...]
    """Oldest first."""


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    number: int
    id: str
    state: str
    """`done`, `stopped`, `aborted`, `interrupted`, `working`, `damaged`, or why no new device is started now."""
    began: str | None = None
    user: str | None = None
    host: str | None = None
    devices: int | None = None
    ends: str = ""
    reason: str = ""


@click.command("history")
@record_options
def command(*, form: RecordOptions) -> int:
    """List the rollouts that were begun on this machine, oldest first; `fleet show` takes a number or an id of it."""
    from jetson_deploy.errors import UsageError
    from jetson_deploy.fleet.rollout.kept import ids
    from jetson_deploy.fleet.rollout.summary import read_summary

    listed = []
    for number, one in enumerate(ids(form.settings.fleet_dir), 1):
        try:
            listed.append(_listed(number, read_summary(form.settings.fleet_dir / one)))
        except UsageError as error:
            listed.append(Listed(number=number, id=one, state="damaged", reason=error.message))
    document = HistoryDocument(rollouts=tuple(listed))
    return finish(form, document, None if form.quiet else lambda: _text(document))


def _listed(number: int, found: RolloutSummary) -> Listed:
    return Listed(
        number=number,
        id=found.id,
        state=state_text(found),
        began=found.began,
        user=found.user,
        host=found.host,
        devices=len(found.devices),
        ends=counts(found),
        reason=found.reason,
    )


def _text(document: HistoryDocument) -> str:
    if not document.rollouts:
        return "no rollout was begun on this machine"
    rows = [
        (
            str(one.number),
            one.id,
            cell(one.state),
            when(one.began or ""),
            cell(one.user),
            "-" if one.devices is None else str(one.devices),
            cell(one.ends or one.reason, 80),
        )
        for one in document.rollouts
    ]
    return table([("NO", "ROLLOUT", "STATE", "BEGAN", "BY", "DEVICES", "ENDS"), *rows])
