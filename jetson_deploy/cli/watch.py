"""`watch`: detect faults and heal them, until a signal ends it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from jetson_deploy.cli.finish import finish
from jetson_deploy.cli.options import CommonOptions, acting, not_offered
from jetson_deploy.cli.reporters import chosen_reporter
from jetson_deploy.cli.row_flags import flag
from jetson_deploy.deployment.watch_options import WATCH_OPTIONS, WatchWishes
from jetson_deploy.errors import UsageError
from jetson_deploy.events import Event, Healed, Note, Noticed, Reporter

if TYPE_CHECKING:
    from jetson_deploy.deploy.outcome import Outcome

Result = TypeVar("Result")
_FLAGGED = tuple(row for row in WATCH_OPTIONS.values() if row.option.flag)


def _wishes(command: Callable[..., Result]) -> Callable[..., Result]:
    """The flags of `deployment/watch_options.py`, passed on as one `wishes: WatchWishes`."""

    @functools.wraps(command)
    def gathered(**given: Any) -> Result:
        said = {row.field: given.pop(row.key) for row in _FLAGGED}
        return command(wishes=WatchWishes(enabled=True, **said), **given)

    decorated: Callable[..., Result] = gathered
    for row in reversed(_FLAGGED):
        decorated = flag(row, row.key, default=row.default)(decorated)
    return decorated


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What to do instead of watching."""

    only_roll_back: bool
    units: Path | None
    install: bool
    uninstall: bool


@click.command("watch")
@not_offered("--json")
@acting
@_wishes
@click.option("--install", is_flag=True, help="Install systemd services with these options, started now and at boot.")
@click.option("--uninstall", is_flag=True, help="Remove the systemd services.")
@click.option(
    "--units",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="DIR",
    help="Write the unit files to DIR and install nothing.",
)
@click.option("--only-roll-back", is_flag=True, hidden=True)
def command(
    *,
    common: CommonOptions,
    wishes: WatchWishes,
    install: bool,
    uninstall: bool,
    units: Path | None,
    only_roll_back: bool,
) -> int:
    """Detect within a minute that the server is dead, wedged, off the GPU or short of memory; name the cause; restart.

    It restarts within a limit, then rolls back once, then only observes and reports that it needs attention. A server
    stopped on purpose (docker stop, down) is not restarted. Every action is an event and a line of `history`.
    """
    if common.as_json:
        raise UsageError(
            "watch streams: use --events instead of --json",
            hint="--events prints one JSON line for each event",
            code="usage",
        )
    asked = Asked(only_roll_back=only_roll_back, units=units, install=install, uninstall=uninstall)
    with chosen_reporter(common) as report:
        text = _carried_out(common, wishes, report if common.as_events else _for_people(report), asked)
    return finish(common, None, lambda: text, message=text)


def _carried_out(common: CommonOptions, wishes: WatchWishes, report: Reporter, asked: Asked) -> str:
    if asked.only_roll_back:
        return _rolled_back(common, report)
    if asked.units or asked.install or asked.uninstall:
        return _units(common, wishes, report, asked)
    from jetson_deploy.watch.watch import watch

    watch(common.root, common.settings, common.catalog(), common.name, wishes, report)
    return "watch ended: the server is no longer supervised"


def _units(common: CommonOptions, wishes: WatchWishes, report: Reporter, asked: Asked) -> str:
    from jetson_deploy.settings import check_acts_here
    from jetson_deploy.systemd.units import tell_settings
    from jetson_deploy.watch.install import install, uninstall, write_units

    settings = common.settings
    overlays = {"JETSON_DEPLOY_CATALOG": ":".join(map(str, settings.catalog_dirs))}  # also those given by flags
    if not asked.uninstall:
        tell_settings(overlays, report)
    if asked.units:
        return "written: " + ", ".join(map(str, write_units(asked.units, wishes, overlays)))
    check_acts_here(common.root, settings, "watch")
    if asked.uninstall:
        uninstall(common.name, report)
        return f"deployment {common.name!r} is not watched any more"
    written = install(common.name, wishes, overlays, report)
    return f"deployment {common.name!r} is watched: systemctl status {written[-1].stem}{common.name}"


def _rolled_back(common: CommonOptions, report: Reporter) -> str:
    """For the watcher, which has it done in a process of its own."""
    from jetson_deploy.cli.up import summary
    from jetson_deploy.deploy.opened import runtime_of
    from jetson_deploy.deploy.rollback import roll_back
    from jetson_deploy.deploy.up import Run
    from jetson_deploy.deployment.request import as_deployed
    from jetson_deploy.server.opened import open_server

    settings = common.settings
    request = as_deployed(common.name, settings)
    run = Run(
        request=request,
        settings=settings,
        runtime=runtime_of(settings, common.name),
        servers=open_server,
        root=common.root,
        store=None,
        catalog=common.catalog(),
        report=report,
    )
    outcome: Outcome = roll_back(run, None, command="watch")
    return summary(msgspec.to_builtins(outcome))


def _for_people(report: Reporter) -> Reporter:
    def as_notes(event: Event) -> None:
        if isinstance(event, Noticed):
            hint = f" (hint: {event.hint})" if event.hint else ""
            report(Note(level="warning", text=event.text + hint))
        elif isinstance(event, Healed):
            report(Note(level="info", text=f"{event.action}: {event.text}"))
        else:
            report(event)

    return as_notes
