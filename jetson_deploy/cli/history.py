"""`history`: revisions, and what was done to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from jetson_deploy.cli.finish import finish
from jetson_deploy.cli.formatting import aligned, image_name, when, with_text, wrapped
from jetson_deploy.cli.notes import tell_notes
from jetson_deploy.cli.options import CommonOptions, acting

if TYPE_CHECKING:
    from jetson_deploy.deploy.history import History
    from jetson_deploy.deployment.revisions import Actor, Line, Revision

_HEAD = ("REV", "STATE", "WHEN", "MODEL", "CONTEXT", "TOK/S", "GPU")
_ACTIONS = ("WHEN", "COMMAND", "RESULT", "REV", "BY", "WHAT")
_BELOW = " " * 5


@click.command("history")
@acting
@click.option(
    "--lines", type=click.IntRange(min=0), default=10, show_default=True, metavar="N", help="Show the last N actions."
)
def command(*, common: CommonOptions, lines: int) -> int:
    """List the revisions on record and the last actions of up, rollback, recover and watch; --json has all of them."""
    from jetson_deploy.deploy.history import read_history
    from jetson_deploy.settings import check_acts_here

    check_acts_here(common.root, common.settings, "history")
    found = read_history(common.settings, common.name, tell_notes(common))
    simulated = common.settings.rehearsal
    return finish(common, found, lambda: _text(found, lines, simulated), simulated=simulated, also_as_line=True)


def _text(history: History, lines: int, rehearsal: str | None) -> str:
    simulated = rehearsal or next((r.simulated for r in reversed(history.revisions) if r.simulated), None)
    parts = [f"simulated: {simulated}"] if simulated else []
    if history.attention:
        parts.append(f"needs attention: {history.attention}")
    if history.intent is not None:
        number = history.intent.revision.number
        parts.append(
            f"not ended: `{history.intent.command}` of {when(history.intent.at)}, which deploys revision {number}; "
            "jetson-deploy status shows whether it is under way, and recovers it if it was interrupted"
        )
    parts.append(_revisions(history) if history.revisions else "no revision is on record")
    last = history.lines[-lines:] if lines else ()
    if last:
        parts.append("last actions, the newest last:\n" + with_text([_ACTIONS, *map(_action, last)], "  "))
    return "\n\n".join(parts)


def _revisions(history: History) -> str:
    """Newest first; what a row has no room for stands below it."""
    newest = list(reversed(history.revisions))
    head, *rows = aligned([_HEAD, *(_row(history, r) for r in newest)])
    below = [[f"{_BELOW}{image_name(r.image)}, by {_who(r.by)}", *_reason(r)] for r in newest]
    return "\n".join([head, *("\n".join([row, *more]) for row, more in zip(rows, below, strict=True))])


def _reason(revision: Revision) -> list[str]:
    return [wrapped(f"failed: {revision.reason}", _BELOW)] if revision.reason else []


def _row(history: History, revision: Revision) -> tuple[str, ...]:
    role = {history.previous: "previous", history.current: "current"}.get(revision.number, revision.outcome)
    rate, share = revision.tokens_per_second, revision.gpu_share
    return (
        f"{revision.number}",
        role,
        when(revision.at),
        revision.model,
        str(revision.context_tokens),
        f"{rate:.1f}" if rate is not None else "unknown",
        f"{share:.0%}" if share is not None else "unknown",
    )


def _action(line: Line) -> tuple[str, ...]:
    number = str(line.revision) if line.revision is not None else ""
    return (when(line.at), line.command, line.result, number, _who(line.by), line.text)


def _who(by: Actor | None) -> str:
    if by is None:
        return "unknown"
    return f"{by.user} from {by.source}" if by.source else by.user
