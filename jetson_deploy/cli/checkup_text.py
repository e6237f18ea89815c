"""What `doctor` found of a host, for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from jetson_deploy.cli.formatting import short_digests, table, with_text, wrapped

if TYPE_CHECKING:
    from jetson_deploy.doctor.finding import Checkup, HostFinding

_HEADS = {"block": "blocks", "warning": "warning", "note": "note"}


def checkup_text(found: Checkup, *, verbose: bool) -> str:
    """Notes are assumptions that do no harm: counted, and shown with -v."""
    shown = [one for one in found.findings if verbose or one.severity != "note"]
    lines = [line for one in shown for line in _finding(one, verbose=verbose)]
    lines.append(headline(found) + _hidden(found, verbose=verbose))
    if found.looked_at:
        lines.append(f"looked at: {', '.join(found.looked_at)}")
    lines += [_hanging(f"not looked at: {gap}") for gap in found.not_looked_at]
    if found.not_judged:
        unknown = ", ".join(f"{id_} ({what})" for id_, what in sorted(found.not_judged.items()))
        lines.append(_hanging(f"not judged, for what is not known of this host: {unknown}"))
    return "\n".join(lines)


def headline(found: Checkup) -> str:
    """One line that stands alone."""
    count = {word: sum(one.severity == key for one in found.findings) for key, word in _HEADS.items()}
    if count["blocks"]:
        return f"{_number(count['blocks'], 'finding')} that block{'s' if count['blocks'] == 1 else ''} a deployment" + (
            f", {_number(count['warning'], 'warning')}" if count["warning"] else ""
        )
    if count["warning"]:
        return f"nothing blocks a deployment; {_number(count['warning'], 'warning')}"
    return "no fault is found in what was looked at"


def _number(count: int, word: str) -> str:
    return f"{count} {word}" + ("" if count == 1 else "s")


def _hidden(found: Checkup, *, verbose: bool) -> str:
    notes = sum(one.severity == "note" for one in found.findings)
    return "" if verbose or not notes else f" ({_number(notes, 'note')} with -v)"


def _hanging(text: str) -> str:
    """Wrapped, with what follows the first line below it."""
    return wrapped(text, "  ")[2:]


def _finding(one: HostFinding, *, verbose: bool) -> Iterator[str]:
    yield _hanging(short_digests(f"{_HEADS[one.severity]}: {one.cause}"))
    steps = ",".join(one.steps)
    ready = f"sudo jetson-deploy prepare --only {steps}; it is taken back by --undo {steps}" if steps else ""
    rows = [
        ("seen", one.evidence),
        ("fix", one.fix),
        ("or", ready),
        *([("undo", one.undo), ("id", one.id)] if verbose else []),
    ]
    known = [(key, short_digests(text)) for key, text in rows if text]
    yield from [with_text(known, "  ")] if known else []
    if verbose:
        yield from (wrapped(text, "    ") for text in one.more_fixes)
        yield from [table([("source", source) for source in one.source], "  ")] if one.source else []
