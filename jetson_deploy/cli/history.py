"""`history`: revisions, and what was done to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from jetson_deploy.cli.options import everyday, read_everyday
from jetson_deploy.cli.render import answer, print_for_programs
from jetson_deploy.cli.reporters import chosen_reporter

if TYPE_CHECKING:
    from jetson_deploy.deploy.history import History
    from jetson_deploy.plan.revisions import Actor, Line, Revision

_HEAD = ("REV", "OUTCOME", "WHEN", "BY", "IMAGE", "MODEL", "CONTEXT", "TOK/S", "GPU", "REASON")


@click.command("history")
@everyday
@click.option("--lines", type=click.IntRange(min=0), default=10, show_default=True, help="Last actions to show.")
def command(**options: Any) -> None:
    """The revisions on record, and what was last done by up, rollback, recover and watch; --json has all of it."""
    from jetson_deploy.deploy.history import read_history

    lines = options.pop("lines")
    shared = read_everyday(options)
    with chosen_reporter(shared) as report:
        found = read_history(shared.settings, shared.name, report)
    if shared.as_json or shared.as_events:
        print_for_programs(found, as_events=shared.as_events, simulated=shared.settings.rehearsal)
    else:
        answer(_text(found, lines))


def _text(history: History, lines: int) -> str:
    parts = [f"needs attention: {history.attention}"] if history.attention else []
    parts.append(_columns([_HEAD, *(_row(history, r) for r in reversed(history.revisions))]))
    last = history.lines[-lines:] if lines else ()
    if last:
        parts.append("last actions:\n" + _columns([_action(line) for line in last], "  "))
    return "\n\n".join(parts)


def _row(history: History, revision: Revision) -> tuple[str, ...]:
    role = {history.previous: " (previous)", history.current: " (current)"}.get(revision.number, "")
    rate, share = revision.tokens_per_second, revision.gpu_share
    return (
        f"{revision.number}{role}",
        revision.outcome,
        revision.at or "not on record",
        _who(revision.by),
        revision.image.partition("@")[0],
        revision.model,
        str(revision.context_tokens),
        f"{rate:.1f}" if rate is not None else "unknown",
        f"{share:.0%}" if share is not None else "unknown",
        revision.reason,
    )


def _action(line: Line) -> tuple[str, ...]:
    number = f"revision {line.revision}" if line.revision is not None else ""
    return (line.at or "not on record", line.verb, line.result, number, _who(line.by), line.text)


def _who(by: Actor | None) -> str:
    if by is None:
        return "unknown"
    return f"{by.user} from {by.source}" if by.source else by.user


def _columns(rows: list[tuple[str, ...]], indent: str = "") -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        indent + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
