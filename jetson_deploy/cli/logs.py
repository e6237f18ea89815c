"""`logs`: the server's log."""

from __future__ import annotations

import codecs
import contextlib
import re
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TextIO

import click

from jetson_deploy.cli.finish import finish
from jetson_deploy.cli.foreign import LineEnds
from jetson_deploy.cli.options import CommonOptions, acting
from jetson_deploy.cli.raw import chosen_writer, may_be_raw
from jetson_deploy.cli.render import event_line
from jetson_deploy.cli.reporters import recover_first, tell_deployment
from jetson_deploy.cli.streams import write
from jetson_deploy.errors import UsageError
from jetson_deploy.events import LogLine
from jetson_deploy.names import shown

if TYPE_CHECKING:
    from jetson_deploy.runtime.port import Runtime


_STAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z")


def _stamp(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and _STAMP.fullmatch(value) is None:
        hint = "a stamp as --timestamps shows it: 2026-11-29T12:00:00.123456789Z"
        raise UsageError(f"--after {shown(value)} is no time stamp", hint=hint, code="usage")
    return value


@click.command("logs")
@acting
@click.option("-f", "--follow", is_flag=True, help="Follow the log until Ctrl-C.")
@click.option(
    "--tail",
    type=click.IntRange(1, 100_000),
    default=200,
    show_default=True,
    metavar="N",
    help="Start N lines before the end of the log.",
)
@click.option("--timestamps", is_flag=True, help="Put the time stamp of the container runtime before each line.")
@click.option(
    "--after",
    metavar="STAMP",
    callback=_stamp,
    help="With --follow --timestamps: begin behind the line with this stamp, instead of --tail.",
)
@may_be_raw
def command(*, common: CommonOptions, follow: bool, tail: int, timestamps: bool, after: str | None, raw: bool) -> int:
    """Show the server's log, as the container runtime keeps it. Control characters are shown escaped."""
    from jetson_deploy.cli.stamped_log import followed, last_lines
    from jetson_deploy.deploy.opened import runtime_of
    from jetson_deploy.deploy.status import find_deployment

    if follow and common.as_json and not common.as_events:
        raise UsageError("--follow never ends, and --json is one document", hint="use --events", code="usage")
    if after is not None and not (follow and timestamps):
        hint = "add --follow --timestamps, or take --tail"
        raise UsageError("--after says where to go on following", hint=hint, code="usage")
    writer = chosen_writer(common, raw=raw)
    recover_first(common)
    serving = find_deployment(common.root, common.settings, common.catalog(), common.name, "logs")
    tell_deployment(serving, common)
    runtime = runtime_of(common.settings, common.name)
    if follow:
        with _followed():
            if timestamps:
                pieces = followed(runtime, serving.container, tail=tail, after=after)
            else:
                pieces = _decoded(runtime.follow_logs(serving.container, tail=tail))
            _show(pieces, as_events=common.as_events, writer=writer)
        return finish(common, None, None)
    read = last_lines if timestamps else _logs
    text = read(runtime, serving.container, tail)
    if common.as_events or not common.as_json:
        _show((text,), as_events=common.as_events, writer=writer)
    document = {
        "schema": "jetson-deploy.logs/1",
        "container": serving.container,
        "accept_cpu": serving.record.accept_cpu,
        "lines": text.splitlines(),
    }
    return finish(common, document, None, simulated=serving.record.simulated)


def _logs(runtime: Runtime, container: str, tail: int) -> str:
    return runtime.logs(container, tail=tail)


@contextlib.contextmanager
def _followed() -> Iterator[None]:
    """Ends in order with Ctrl-C, and when its reader goes away: a quiet server writes no line that would tell us."""
    over = threading.Event()
    threading.Thread(target=_interrupt_without_reader, args=(threading.get_ident(), over), daemon=True).start()
    with contextlib.suppress(KeyboardInterrupt):
        try:
            yield
        finally:
            over.set()


def _interrupt_without_reader(thread: int, over: threading.Event) -> None:
    """poll(2) tells POLLERR of a pipe whose last reader is gone; of a file or a terminal that is there, nothing."""
    poll = select.poll()
    try:
        poll.register(sys.stdout.fileno(), 0)
        gone = poll.poll()
    except (OSError, ValueError):  # a standard output without a descriptor
        return
    if gone and not over.is_set():
        signal.pthread_kill(thread, signal.SIGINT)


def _decoded(chunks: Iterable[bytes]) -> Iterator[str]:
    """Text as it comes; a character, and a line's two ends, may be cut by the end of a chunk."""
    decoder, ends = codecs.getincrementaldecoder("utf-8")("replace"), LineEnds()
    for chunk in chunks:
        yield ends.joined(decoder.decode(chunk))
    yield ends.joined(decoder.decode(b"", final=True)) + ends.rest()


def _show(text: Iterable[str], *, as_events: bool, writer: Callable[[TextIO, str], None] = write) -> None:
    """Not through `answer`: a reader that went away ends it."""
    for piece in _events(text) if as_events else text:
        writer(sys.stdout, piece)


def _events(text: Iterable[str]) -> Iterator[str]:
    rest = ""
    for piece in text:
        *lines, rest = (rest + piece).split("\n")
        yield from (event_line(LogLine(text=line)) + "\n" for line in lines)
    if rest:
        yield event_line(LogLine(text=rest)) + "\n"
