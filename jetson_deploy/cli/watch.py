"""`watch`: notice and heal, until it is told to end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jetson_deploy.cli.options import Everyday, acting, not_offered, read_everyday
from jetson_deploy.cli.render import answer, print_event
from jetson_deploy.cli.reporters import chosen_reporter
from jetson_deploy.deployment.watch_options import WatchWishes
from jetson_deploy.errors import UsageError
from jetson_deploy.events import Event, Finished, Healed, Note, Noticed, Reporter

if TYPE_CHECKING:
    from jetson_deploy.deploy.outcome import Outcome

_BASE = WatchWishes()


@click.command("watch")
@not_offered("--json")
@acting
@click.option(
    "--interval",
    "interval_seconds",
    type=click.FloatRange(1, 25),
    default=_BASE.interval_seconds,
    show_default=True,
    metavar="SECONDS",
    help="Interval between two checks.",
)
@click.option(
    "--generate-every",
    "generate_seconds",
    type=click.FloatRange(0),
    default=_BASE.generate_seconds,
    show_default=True,
    metavar="SECONDS",
    help="Interval between two test generations while the server is idle; 0: never.",
)
@click.option(
    "--memory-guard",
    "memory_guard_bytes",
    type=click.IntRange(0),
    metavar="BYTES",
    help="MemAvailable below which the model is unloaded; default: the catalog's 128 MiB; 0: no guard.",
)
@click.option("--max-restarts", type=click.IntRange(0, 100), default=_BASE.max_restarts, show_default=True, metavar="N")
@click.option(
    "--window",
    "window_seconds",
    type=click.FloatRange(1),
    default=_BASE.window_seconds,
    show_default=True,
    metavar="SECONDS",
    help="Time window for --max-restarts.",
)
@click.option(
    "--roll-back/--no-roll-back",
    "roll_back",
    default=_BASE.roll_back,
    help="Roll back once if restarting does not help.",
)
@click.option("--install", is_flag=True, help="Install systemd services with these options, started now and at boot.")
@click.option("--uninstall", is_flag=True, help="Remove the systemd services.")
@click.option(
    "--units",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="DIR",
    help="Only write the units there.",
)
@click.option("--only-roll-back", is_flag=True, hidden=True)
def command(**options: Any) -> None:
    """Detect within a minute that the server is dead, wedged, off the GPU or short of memory; name the cause; restart.

    It restarts within a limit, then rolls back once, then only observes and reports that it needs attention. A server
    stopped on purpose (docker stop, down) is not restarted. Every action is an event and a line of `history`.
    """
    shared = read_everyday(options)
    if shared.as_json:
        raise UsageError(
            "watch streams: use --events instead of --json",
            hint="--events prints one JSON line for each event",
            code="usage",
        )
    wishes = WatchWishes(enabled=True, **{f: options[f] for f in WatchWishes.__struct_fields__ if f in options})
    with chosen_reporter(shared) as report:
        text = _carried_out(shared, wishes, report if shared.as_events else _for_people(report), options)
    if shared.as_events:
        print_event(Finished(exit_code=0, result="done", message=text))
    elif text:
        answer(text)


def _carried_out(shared: Everyday, wishes: WatchWishes, report: Reporter, options: dict[str, Any]) -> str:
    if options["only_roll_back"]:
        return _rolled_back(shared, report)
    if options["units"] or options["install"] or options["uninstall"]:
        return _units(shared, wishes, report, options)
    from jetson_deploy.watch.watch import watch

    watch(shared.root, shared.settings, shared.catalog(), shared.name, wishes, report)
    return "watch ended: nobody looks after the server now"


def _units(shared: Everyday, wishes: WatchWishes, report: Reporter, options: dict[str, Any]) -> str:
    from jetson_deploy.settings import check_acts_here
    from jetson_deploy.watch.install import install, uninstall, write_units

    settings = shared.settings
    overlays = {"JETSON_DEPLOY_CATALOG": ":".join(map(str, settings.catalog_dirs))}  # also those given by flags
    if options["units"]:
        return "written: " + ", ".join(map(str, write_units(options["units"], wishes, overlays)))
    check_acts_here(shared.root, settings, "watch")
    if options["uninstall"]:
        uninstall(shared.name, report)
        return f"deployment {shared.name!r} is not watched any more"
    written = install(shared.name, wishes, overlays, report)
    return f"deployment {shared.name!r} is watched: systemctl status {written[-1].stem}{shared.name}"


def _rolled_back(shared: Everyday, report: Reporter) -> str:
    """For the watcher, which has it done in a process of its own."""
    import msgspec

    from jetson_deploy.cli.up import summary
    from jetson_deploy.deploy.rollback import roll_back
    from jetson_deploy.deploy.up import Run
    from jetson_deploy.deployment.request import Request

    settings = shared.settings
    request = Request(
        name=shared.name,
        registry=settings.registry,
        image_registry=settings.image_registry,
        simulated=settings.rehearsal,
        stability_seconds=settings.stability_seconds,
    )
    run = Run(
        request=request,
        settings=settings,
        root=shared.root,
        store=None,
        catalog=shared.catalog(),
        report=report,
    )
    outcome: Outcome = roll_back(run, None, verb="watch")
    return summary(msgspec.to_builtins(outcome))


def _for_people(report: Reporter) -> Reporter:
    def told(event: Event) -> None:
        if isinstance(event, Noticed):
            hint = f" (hint: {event.hint})" if event.hint else ""
            report(Note(level="warning", text=event.text + hint))
        elif isinstance(event, Healed):
            report(Note(level="info", text=f"{event.action}: {event.text}"))
        else:
            report(event)

    return told
