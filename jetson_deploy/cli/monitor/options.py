"""Options of everything that looks, and how a monitor is opened from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from jetson_deploy.cli.options import Everyday, reading

if TYPE_CHECKING:
    from jetson_deploy.monitor.monitor import Listener, Monitor

Command = TypeVar("Command", bound=Callable[..., Any])

thresholded = click.option(
    "--threshold",
    "thresholds",
    multiple=True,
    metavar="ALERT=VALUE",
    help="Override the limit of an alert; repeatable. `monitor alerts` lists them.",
)
_MONITORED = [
    click.option(
        "--period",
        type=click.FloatRange(0.2, 3600),
        default=None,
        metavar="SECONDS",
        help="Between two samples; default 1, and 5 where it is recorded.",
    ),
    click.option(
        "--endpoint",
        metavar="URL",
        help="The Ollama server; default: what is deployed here, else http://127.0.0.1:11434.",
    ),
    click.option("--no-model", is_flag=True, help="The board alone: ask neither the engine nor the server."),
    thresholded,
]

served = click.option(
    "--listen",
    default="127.0.0.1:9735",
    show_default=True,
    metavar="HOST:PORT",
    help="Where to serve. Any other host than this machine lets that whole network read it.",
)
alerting = click.option(
    "--alert",
    "alerts",
    multiple=True,
    metavar="SINK",
    help="Sink notified when an alert begins or ends; repeatable. `monitor alerts --help` lists the sinks.",
)


def monitored(command: Command) -> Command:
    """The everyday options, --period --endpoint --no-model --threshold; `opened` takes them."""
    for decorate in reversed(_MONITORED):
        command = decorate(command)
    return reading(command)


def opened(
    shared: Everyday,
    options: dict[str, Any],
    *,
    listeners: Sequence[Listener] = (),
    period: float = 1.0,
    processes: bool = False,
    tap: tuple[str, int] | None = None,
    at_once: bool = False,
) -> Monitor:
    """Takes what `monitored` gave out of `options`. The caller closes it.

    `period`: the default in seconds. `processes`: look at the largest ones too, which costs more.
    `tap`: address on which requests are passed through to the server, and their tokens counted.
    `at_once`: alerts without their hold times, for a single look.
    """
    from jetson_deploy.monitor.opened import Wishes, open_monitor

    wishes = Wishes(
        deployment=shared.name,
        endpoint=options.pop("endpoint"),
        model=not options.pop("no_model"),
        thresholds=tuple(options.pop("thresholds")),
        period=options.pop("period") or period,
        processes=processes,
        tap=tap,
        at_once=at_once,
    )
    return open_monitor(shared.root, shared.settings, shared.catalog(), wishes, listeners)
