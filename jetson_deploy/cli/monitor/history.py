"""`monitor history`: what was recorded."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from jetson_deploy.cli.finish import finish
from jetson_deploy.cli.formatting import table, when, wrapped
from jetson_deploy.cli.options import CommonOptions, acting
from jetson_deploy.cli.render import print_event
from jetson_deploy.errors import UsageError
from jetson_deploy.units import size_text

if TYPE_CHECKING:
    from jetson_deploy.monitor.history.batch import HistoryEvent
    from jetson_deploy.monitor.history.reader import History, Window

_AT_ONCE = 500
_LAST_EVENTS = 10
_RECORDER_WORDS = {
    "started": "recording began",
    "ended": "recording ended",
    "rebooted": "the board rebooted",
    "clock-jump": "the clock was set",
}


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows, and in which form."""

    wanted: tuple[str, ...]
    step: str
    as_csv: bool
    as_jsonl: bool


@click.command("history")
@acting
@click.option(
    "--db", type=click.Path(path_type=Path), metavar="FILE", help="History file to read; default: the recorder's."
)
@click.option(
    "--series", "wanted", multiple=True, metavar="KEY", help="Show this series; repeatable; * and ? are wildcards."
)
@click.option(
    "--from", "since", metavar="TIME", help="Start of the window: RFC 3339, or a time ago (90s, 30m, 2h, 7d)."
)
@click.option("--to", "until", metavar="TIME", help="End of the window, written like --from; default: now.")
@click.option(
    "--step",
    type=click.Choice(["raw", "1m", "auto"]),
    default="auto",
    show_default=True,
    help="Resolution of the rows: every sample, one per minute, or what keeps the answer short.",
)
@click.option("--csv", "as_csv", is_flag=True, help="Print the rows as CSV with a header line.")
@click.option("--jsonl", "as_jsonl", is_flag=True, help="Print the rows as JSON lines.")
def command(
    *,
    common: CommonOptions,
    db: Path | None,
    wanted: tuple[str, ...],
    since: str | None,
    until: str | None,
    step: str,
    as_csv: bool,
    as_jsonl: bool,
) -> int:
    """Show what was recorded: series, time span, sample counts; with --series their minimum, mean and maximum.

    --csv and --jsonl print the rows, also while a recorder runs. --events prints the alerts that began or ended,
    counters that rose, and the recorder's own starts, one JSON line each. The list of series is always the whole
    history's: --from and --to cut rows, values and events.
    """
    from jetson_deploy.monitor.history.default import default_path
    from jetson_deploy.monitor.history.opening import open_history
    from jetson_deploy.monitor.history.selection import chosen_window

    if sum((as_csv, as_jsonl, common.as_json, common.as_events)) > 1:
        raise UsageError("two forms of answer are asked for", hint="--csv, --jsonl, --json or --events", code="usage")
    window = chosen_window(since, until, time.time())
    asked = Asked(wanted=wanted, step=step, as_csv=as_csv, as_jsonl=as_jsonl)
    with open_history(db or default_path(common.settings)) as history:
        return _answered(history, window, asked, common)


def _answered(history: History, window: Window, asked: Asked, common: CommonOptions) -> int:
    if asked.as_csv or asked.as_jsonl:
        _write_lines(_lines(history, window, asked))
        return finish(common, None, None)
    if common.as_events:
        for event in history.events(window):
            print_event(_event_document(event))
    if not (common.as_json or common.as_events):
        return finish(common, None, lambda: _text(history, window, asked))
    from jetson_deploy.cli.monitor.history_answers import document

    found = document(history, _chosen(history, asked), window, asked.step)
    return finish(common, found, None, simulated=history.simulated(window))


def _text(history: History, window: Window, asked: Asked) -> str:
    if not asked.wanted:
        return _summary(history, window)
    from jetson_deploy.cli.monitor.history_answers import extremes

    return extremes(history, _chosen(history, asked), window)


def _chosen(history: History, asked: Asked) -> list[str]:
    from jetson_deploy.monitor.history.selection import chosen_series

    return chosen_series(asked.wanted, history.keys()) if asked.wanted else []


def _lines(history: History, window: Window, asked: Asked) -> Iterator[str]:
    from jetson_deploy.monitor.history import export
    from jetson_deploy.monitor.history.steps import asked_step, stat_rows

    keys = _chosen(history, asked) or history.keys()
    step = asked_step(history, keys, window, asked.step)
    if step == 0:
        rows = history.raw(keys, window)
        if asked.as_csv:
            return export.raw_csv(keys, rows)
        return (export.json_line(export.raw_document(keys, row)) for row in rows)
    stats = stat_rows(history, keys, window, step)
    if asked.as_csv:
        return export.stats_csv(keys, stats)
    return (export.json_line(export.stats_document(keys, row, step)) for row in stats)


def _write_lines(lines: Iterable[str]) -> None:
    """A reader that has seen enough (`| head`) ends it."""
    import sys
    from itertools import islice

    from jetson_deploy.cli.streams import write

    rest = iter(lines)
    while portion := list(islice(rest, _AT_ONCE)):
        write(sys.stdout, "\n".join(portion) + "\n")


def _summary(history: History, window: Window) -> str:
    from jetson_deploy.monitor.history.selection import rfc3339
    from jetson_deploy.monitor.metrics import metric_of

    samples, minutes, events = history.totals()
    held = ", ".join((_many(samples, "sample"), _many(minutes, "minute"), _many(events, "event")))
    head = f"{history.path}: {size_text(history.size())}; {held}"
    rows = [("SERIES", "UNIT", "SINCE", "UNTIL", "SAMPLES", "MINUTES")]
    for span in history.spans():
        metric = metric_of(span.key)
        unit = (metric.unit if metric else "") or "-"
        times = (when(rfc3339(span.first)), when(rfc3339(span.last)))
        rows.append((span.key, unit, *times, str(span.samples), str(span.minutes)))
    simulated = history.simulated(window)
    parts = [f"simulated: {simulated}"] if simulated else []
    parts += [head, table(rows) if rows[1:] else "no sample was recorded yet"]
    last = [event for event in history.events(window) if event.kind != "count"][-_LAST_EVENTS:]
    if last:
        parts.append("last events, the newest last:\n" + "\n".join(wrapped(_told(event), "  ") for event in last))
    return "\n\n".join(parts)


def _told(event: HistoryEvent) -> str:
    from jetson_deploy.monitor.history.selection import rfc3339

    words = [when(rfc3339(event.at)), _RECORDER_WORDS.get(event.name, event.name), event.subject, event.state]
    text = event.text if event.kind == "alert" or event.name == "simulated" else ""
    if event.name == "clock-jump" and event.value is not None:
        text = f"by {event.value:+g} s"
    return " ".join(filter(None, [*words, text]))


def _event_document(event: HistoryEvent) -> dict[str, Any]:
    import msgspec

    from jetson_deploy.monitor.history.selection import rfc3339

    return {"event": "recorded", **msgspec.to_builtins(event), "at": rfc3339(event.at)}


def _many(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"
