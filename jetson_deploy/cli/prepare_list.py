"""The list of `prepare`, for people and for programs, at the end of each of its runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jetson_deploy.cli.finish import finish
from jetson_deploy.cli.formatting import aligned, wrapped
from jetson_deploy.cli.options import CommonOptions

if TYPE_CHECKING:
    from jetson_deploy.prepare.overview import Overview, Row


def end_with(common: CommonOptions, found: Overview, hint: str = "") -> int:
    """Exit 3 where a step is refused that a run was to do."""
    lines = [*lines_of(found), *([hint] if hint else [])]
    refused = found.with_state("refused")
    code = 3 if found.result == "refused" else 0
    message = refused[0].now if code else hint
    text = None if common.quiet and not code else lambda: "\n".join(lines)
    return finish(common, found, text, code=code, result=found.result, message=message)


def lines_of(found: Overview) -> list[str]:
    if not found.steps:
        return ["no changes: prepare has done nothing here that could be taken back"]
    heads = aligned([(_STATES[row.state], row.id, row.now) for row in found.steps])
    lines = []
    for head, row in zip(heads, found.steps, strict=True):
        lines.append(head)
        lines.extend(wrapped(text, "             ") for text in _below(row))
    if found.result == "no-changes":
        lines.append("no changes: nothing is to do")
    return lines


def _below(row: Row) -> list[str]:
    lines = list(row.changes) if row.state in ("to-do", "done", "undone") else []
    if row.takes_effect and row.state in ("to-do", "done"):
        lines.append(f"takes effect {row.takes_effect}")
    if row.fix:
        lines.append(f"fix: {row.fix}")
    return lines


_STATES = {
    "ready": "ready",
    "to-do": "to do",
    "refused": "refused",
    "unknown": "not known",
    "done": "done",
    "undone": "undone",
}
