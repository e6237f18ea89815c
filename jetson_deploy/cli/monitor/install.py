"""`monitor install`: recorder and exporter as one systemd service."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from jetson_deploy.cli.finish import finish
from jetson_deploy.cli.monitor.options import MonitorOptions, monitored, served
from jetson_deploy.cli.options import CommonOptions, not_offered
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


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    listen: str
    alerts: tuple[str, ...]
    tap: str | None
    uninstall: bool
    units: Path | None


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
@click.option(
    "--tap", metavar="HOST:PORT", help="Also listen here, pass requests on to the server and count their tokens."
)
@click.option("--uninstall", is_flag=True, help="Stop and remove the service; the history is kept.")
@click.option(
    "--units",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="DIR",
    help="Write the unit file to DIR and install nothing.",
)
def command(
    *,
    common: CommonOptions,
    looking: MonitorOptions,
    listen: str,
    alerts: tuple[str, ...],
    tap: str | None,
    uninstall: bool,
    units: Path | None,
) -> int:
    """Install `monitor serve --record` with these options as a systemd service, started now and at boot.

    Installed again with other options, it replaces the first. The service may write to the history's
    directory and nowhere else.
    """
    asked = Asked(listen=listen, alerts=alerts, tap=tap, uninstall=uninstall, units=units)
    with chosen_reporter(common) as report:
        document = _carried_out(common, looking, report, asked)
    return finish(common, document, None if common.quiet else lambda: document.message, also_as_line=True)


def _carried_out(common: CommonOptions, looking: MonitorOptions, report: Reporter, asked: Asked) -> InstallDocument:
    from jetson_deploy.monitor.install import UNIT, install, uninstall, write_units
    from jetson_deploy.systemd.units import tell_settings

    if asked.uninstall:
        gone = "the monitor is not a service any more" if uninstall(report) else "there is no such service"
        return InstallDocument(message=gone)
    wishes = _wishes(common, looking, asked)
    overlays = {"JETSON_DEPLOY_CATALOG": ":".join(map(str, common.settings.catalog_dirs))}  # also those given by flags
    tell_settings(overlays, report)
    if asked.units:
        written = write_units(asked.units, wishes, common.settings, overlays)
        return InstallDocument(message="written: " + ", ".join(map(str, written)), files=tuple(map(str, written)))
    if common.root.resolve() != Path("/"):
        raise UsageError(
            f"a service is for this machine, not for the captured root {common.root}",
            hint="jetson-deploy monitor serve --root DIR shows it; --units DIR writes a unit for it",
            code="root-is-captured",
        )
    written = install(wishes, common.settings, overlays, report)
    text = f"the monitor is a service: systemctl status {UNIT.partition('.')[0]}"
    return InstallDocument(message=text, files=tuple(map(str, written)))


def _wishes(common: CommonOptions, looking: MonitorOptions, asked: Asked) -> ServiceWishes:
    """Raises UsageError now for what the service could not start with."""
    from jetson_deploy.catalog.load import load_alerts
    from jetson_deploy.monitor.alerts.judge import Judge
    from jetson_deploy.monitor.alerts.sinks import parse_sink
    from jetson_deploy.monitor.install import ServiceWishes
    from jetson_deploy.monitor.llm.server_look import check_endpoint
    from jetson_deploy.monitor.llm.tap import check_loopback
    from jetson_deploy.monitor.serve.listen import EXAMPLE_TAP, parse_listen

    parse_listen(asked.listen)
    if looking.endpoint:
        check_endpoint(looking.endpoint)
    if asked.tap:
        if looking.no_model:
            raise UsageError(
                "--tap has no server to pass requests to: --no-model is given",
                hint="one of them is too much",
                code="usage",
            )
        check_loopback(parse_listen(asked.tap, "--tap", EXAMPLE_TAP)[0])
    Judge(load_alerts(common.settings.catalog_dirs), thresholds=looking.thresholds)
    for spec in asked.alerts:
        parse_sink(spec, lambda _line: None)
    return ServiceWishes(
        name=common.name,
        root=common.root,
        listen=asked.listen,
        period=looking.period,
        endpoint=looking.endpoint,
        model=not looking.no_model,
        thresholds=looking.thresholds,
        alerts=tuple(map(_from_anywhere, asked.alerts)),
        tap=asked.tap,
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
