"""`monitor install`: recorder and exporter as one systemd service."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from jetson_deploy.cli.monitor.options import monitored, served
from jetson_deploy.cli.options import Everyday, not_offered, read_everyday
from jetson_deploy.cli.render import answer, print_for_programs
from jetson_deploy.cli.reporters import chosen_reporter
from jetson_deploy.errors import UsageError
from jetson_deploy.events import Reporter

if TYPE_CHECKING:
    from jetson_deploy.monitor.install import ServiceWishes


class InstallDocument(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="jetson-deploy.monitor-install/1"
):
    result: str = "done"
    message: str
    files: tuple[str, ...] = ()


@click.command("install")
@not_offered("--root")
@monitored
@served
@click.option(
    "--alert",
    "alerts",
    multiple=True,
    metavar="SINK",
    help="Sink for alerts; repeatable. Every local user can read it: slack:@FILE hides the URL.",
)
@click.option("--tap", metavar="HOST:PORT", help="Also pass requests through to the server here, and count tokens.")
@click.option("--uninstall", is_flag=True, help="Stop the service and take it away; what was recorded stays.")
@click.option(
    "--units",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="DIR",
    help="Only write the unit there.",
)
def command(**options: Any) -> None:
    """`monitor serve --record` as a systemd service with these options, started now and at boot.

    Given again, with other options, it replaces the first. It may write to the history's directory and nowhere else.
    """
    shared = read_everyday(options)
    with chosen_reporter(shared) as report:
        document = _carried_out(shared, report, options)
    if shared.as_json or shared.as_events:
        print_for_programs(document, as_events=shared.as_events, simulated=None)
    elif not shared.quiet:
        answer(document.message)


def _carried_out(shared: Everyday, report: Reporter, options: dict[str, Any]) -> InstallDocument:
    from jetson_deploy.monitor.install import UNIT, install, uninstall, write_units

    if options["uninstall"]:
        gone = "the monitor is not a service any more" if uninstall(report) else "there is no such service"
        return InstallDocument(message=gone)
    wishes = _wishes(shared, options)
    overlays = {"JETSON_DEPLOY_CATALOG": ":".join(map(str, shared.settings.catalog_dirs))}  # also those given by flags
    if options["units"]:
        written = write_units(options["units"], wishes, shared.settings, overlays)
        return InstallDocument(message="written: " + ", ".join(map(str, written)), files=tuple(map(str, written)))
    if shared.root.resolve() != Path("/"):
        raise UsageError(
            f"a service is for this machine, not for the captured root {shared.root}",
            hint="jetson-deploy monitor serve --root DIR shows it; --units DIR writes a unit for it",
            code="root-is-captured",
        )
    written = install(wishes, shared.settings, overlays, report)
    text = f"the monitor is a service: systemctl status {UNIT.partition('.')[0]}"
    return InstallDocument(message=text, files=tuple(map(str, written)))


def _wishes(shared: Everyday, options: dict[str, Any]) -> ServiceWishes:
    """Raises UsageError now for what the service could not start with."""
    from jetson_deploy.catalog.load import load_alerts
    from jetson_deploy.monitor.alerts.judge import Judge
    from jetson_deploy.monitor.alerts.sinks import parse_sink
    from jetson_deploy.monitor.install import ServiceWishes
    from jetson_deploy.monitor.llm.server_look import check_endpoint
    from jetson_deploy.monitor.llm.tap import check_loopback
    from jetson_deploy.monitor.serve.listen import EXAMPLE_TAP, parse_listen

    parse_listen(options["listen"])
    if options["endpoint"]:
        check_endpoint(options["endpoint"])
    if options["tap"]:
        if options["no_model"]:
            raise UsageError(
                "--tap has no server to pass requests to: --no-model is given",
                hint="one of them is too much",
                code="usage",
            )
        check_loopback(parse_listen(options["tap"], "--tap", EXAMPLE_TAP)[0])
    Judge(load_alerts(shared.settings.catalog_dirs), thresholds=options["thresholds"])
    for spec in options["alerts"]:
        parse_sink(spec, lambda _line: None)
    return ServiceWishes(
        name=shared.name,
        root=shared.root,
        listen=options["listen"],
        period=options["period"],
        endpoint=options["endpoint"],
        model=not options["no_model"],
        thresholds=options["thresholds"],
        alerts=tuple(map(_from_anywhere, options["alerts"])),
        tap=options["tap"],
    )


def _from_anywhere(spec: str) -> str:
    """The service runs in another directory: files of a sink by their absolute path."""
    kind, _, rest = spec.partition(":")
    if rest.startswith("@"):
        return f"{kind}:@{Path(rest[1:]).absolute()}"
    program, space, arguments = rest.partition(" ")
    if kind == "command" and "/" in program and not program.startswith(("/", "'", '"')):
        return f"{kind}:{shlex.quote(str(Path(program).absolute()))}{space}{arguments}"
    return spec
