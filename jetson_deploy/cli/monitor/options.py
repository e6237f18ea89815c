"""Options of everything that looks, and how a monitor is opened from them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from jetson_deploy.cli.finite_range import FiniteRange
from jetson_deploy.cli.options import CommonOptions, reading

if TYPE_CHECKING:
    from jetson_deploy.monitor.monitor import Listener, Monitor

Result = TypeVar("Result")


class MonitorOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Which board and model are looked at, and how often."""

    period: float | None
    """Seconds; None: the command's own."""
    endpoint: str | None
    no_model: bool
    thresholds: tuple[str, ...]


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
        type=FiniteRange(0.2, 3600),
        default=None,
        metavar="SECONDS",
        help="Interval between two samples; default 1, or 5 when recording.",
    ),
    click.option(
        "--endpoint",
        metavar="URL",
        help="Address of the server; default: the deployment's, else http://127.0.0.1:11434.",
    ),
    click.option("--no-model", is_flag=True, help="Sample the board only: query neither the engine nor the server."),
    thresholded,
]

served = click.option(
    "--listen",
    default="127.0.0.1:9735",
    show_default=True,
    metavar="HOST:PORT",
    help="Address to listen on; any but loopback lets that whole network read it.",
)
alerting = click.option(
    "--alert",
    "alerts",
    multiple=True,
    metavar="SINK",
    help="Sink notified when an alert begins or ends; repeatable. `monitor alerts --help` lists the sinks.",
)


def monitored(command: Callable[..., Result]) -> Callable[..., Result]:
    """The common options as `common`, and --period --endpoint --no-model --threshold as `looking`."""

    @functools.wraps(command)
    def called(**given: Any) -> Result:
        looking = MonitorOptions(**{field: given.pop(field) for field in MonitorOptions.__struct_fields__})
        return command(looking=looking, **given)

    for decorate in reversed(_MONITORED):
        called = decorate(called)
    return reading(called)


def opened(
    common: CommonOptions,
    looking: MonitorOptions,
    *,
    listeners: Sequence[Listener] = (),
    period: float = 1.0,
    processes: bool = False,
    tap: tuple[str, int] | None = None,
    at_once: bool = False,
) -> Monitor:
    """The caller closes it.

    `period`: the default in seconds. `processes`: look at the largest ones too, which costs more.
    `tap`: address on which requests are passed through to the server, and their tokens counted.
    `at_once`: alerts without their hold times, for a single look.
    """
    from jetson_deploy.monitor.opened import Wishes, open_monitor

    wishes = Wishes(
        deployment=common.name,
        endpoint=looking.endpoint,
        model=not looking.no_model,
        thresholds=looking.thresholds,
        period=looking.period or period,
        processes=processes,
        tap=tap,
        at_once=at_once,
    )
    return open_monitor(common.root, common.settings, common.catalog(), wishes, listeners)
