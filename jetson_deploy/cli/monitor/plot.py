"""`monitor plot`: chosen series over a window, as one picture or one page."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jetson_deploy.cli.finish import finish
from jetson_deploy.cli.options import CommonOptions, acting
from jetson_deploy.errors import PreflightError, ResourceError, UsageError

if TYPE_CHECKING:
    from jetson_deploy.monitor.history.reader import History, Window

_KINDS = (".png", ".html", ".htm")


@click.command("plot")
@acting
@click.option(
    "--db", type=click.Path(path_type=Path), metavar="FILE", help="History file to read; default: the recorder's."
)
@click.option(
    "--series",
    "wanted",
    multiple=True,
    metavar="KEY",
    help="Draw this series; repeatable; * and ? are wildcards; default: the usual ones.",
)
@click.option("--last", metavar="SPAN", help="Window that ends now: 90s, 30m, 6h, 7d; default 6h.")
@click.option("--from", "since", metavar="TIME", help="Start of the window: RFC 3339, or a time ago (30m, 2h, 7d).")
@click.option("--to", "until", metavar="TIME", help="End of the window, written like --from; default: now.")
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="File to write: FILE.png or FILE.html.",
)
@click.option(
    "--dark", is_flag=True, help="Draw the PNG on a dark background; an HTML page follows the reader's setting."
)
def command(
    *,
    common: CommonOptions,
    db: Path | None,
    wanted: tuple[str, ...],
    last: str | None,
    since: str | None,
    until: str | None,
    out: Path,
    dark: bool,
) -> int:
    """Plot recorded series: as PNG, or as one HTML file that opens anywhere, without a network.

    Times of thermal throttling are shaded; minutes with requests, alerts and reboots are marked.
    """
    from jetson_deploy.monitor.history.default import default_path
    from jetson_deploy.monitor.history.opening import open_history
    from jetson_deploy.monitor.plot.figure import figure

    if out.suffix.lower() not in _KINDS:
        raise UsageError(f"--out {out} is neither .png nor .html", hint="--out chart.html", code="usage")
    window = _window(last, since, until)
    path = db or default_path(common.settings)
    with open_history(path) as history:
        keys = _keys(history, wanted)
        simulated = history.simulated(window)
        drawn = figure(history, keys, window, _title(simulated))
    if not drawn.times:
        raise PreflightError(
            f"nothing was recorded in that window in {path}",
            hint="jetson-deploy monitor history shows its first time; --last 7d covers a week",
            code="no-samples",
        )
    if out.suffix.lower() == ".png":
        from jetson_deploy.monitor.plot.png import png_bytes

        _write(out, png_bytes(drawn, dark=dark))
    else:
        from jetson_deploy.monitor.plot.html import html_bytes

        _write(out, html_bytes(drawn))
    done = {"schema": "jetson-deploy.monitor-plot/1", "file": str(out), "series": keys, "points": len(drawn.times)}
    text = f"written: {out} ({len(keys)} series, {len(drawn.times)} points each)"
    return finish(common, done, lambda: text, simulated=simulated, also_as_line=True)


def _window(last: str | None, since: str | None, until: str | None) -> Window:
    from jetson_deploy.monitor.history.selection import chosen_window, parse_span

    if last and (since or until):
        raise UsageError("--last and --from or --to exclude each other", hint="give one of them", code="usage")
    if last:
        parse_span(last)
    since = since or last or ("6h" if not until else None)
    return chosen_window(since, until or "now", time.time())


def _keys(history: History, wanted: tuple[str, ...]) -> list[str]:
    from fnmatch import fnmatchcase

    from jetson_deploy.monitor.history.selection import chosen_series
    from jetson_deploy.monitor.plot.figure import USUAL

    known = history.keys()
    if wanted:
        return chosen_series(wanted, known)
    usual = [key for pattern in USUAL for key in known if fnmatchcase(key, pattern)]
    return usual or known


def _title(simulated: str | None) -> str:
    import socket

    return f"{socket.gethostname()}: jetson-deploy monitor" + (f" (simulated: {simulated})" if simulated else "")


def _write(path: Path, data: bytes) -> None:
    """The whole file or none."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):  # read-only, or below a file: unlink fails in its own way
            part.unlink()
        from jetson_deploy.store.disk_errors import is_full

        kind = ResourceError if is_full(error) else PreflightError
        raise kind(
            f"{path} cannot be written: {error.strerror}", hint="give another --out FILE", code="output-not-writable"
        ) from error
