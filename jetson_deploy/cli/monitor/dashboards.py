"""`monitor dashboards`: what a fleet's Prometheus and Grafana need, in one folder."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from jetson_deploy.cli.finish import finish
from jetson_deploy.cli.monitor.options import thresholded
from jetson_deploy.cli.options import CommonOptions, acting

if TYPE_CHECKING:
    from jetson_deploy.monitor.dashboards.folder import Written


class DashboardsDocument(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="jetson-deploy.dashboards/1"
):
    result: str = "done"
    folder: str
    files: tuple[str, ...]
    changed: tuple[str, ...]
    targets: tuple[str, ...]


@click.command("dashboards")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@acting
@click.option("--host", "hosts", multiple=True, metavar="HOST[:PORT]", help="Board to scrape; repeatable.")
@click.option(
    "--hosts",
    "hosts_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="File with the boards to scrape, one HOST[:PORT] per line.",
)
@click.option(
    "-i",
    "--inventory",
    metavar="FILE",
    help="Scrape the devices of a fleet's inventory: a fleet.yaml, or one of Ansible.",
)
@click.option(
    "--limit", "limits", multiple=True, metavar="PATTERN", help="With --inventory: only devices that match; repeatable."
)
@thresholded
@click.option("--force", is_flag=True, help="Also overwrite files that were changed by hand or come from another tool.")
def command(
    *,
    common: CommonOptions,
    folder: Path,
    hosts: tuple[str, ...],
    hosts_file: Path | None,
    inventory: str | None,
    limits: tuple[str, ...],
    thresholds: tuple[str, ...],
    force: bool,
) -> int:
    """Write a Grafana dashboard, Prometheus rules and a compose file that starts both into DIR.

    Made from the same tables as the monitor's own metrics and alerts. Without --host, --hosts and --inventory the
    boards named in DIR are kept, else the monitor of this machine is scraped. A second run replaces only what has
    changed. Prometheus does not read ~/.ssh/config: a device of an inventory whose name is no address needs one there.
    """
    from jetson_deploy.catalog.load import load_alerts
    from jetson_deploy.monitor.alerts.rules import with_thresholds
    from jetson_deploy.monitor.dashboards.folder import write_folder
    from jetson_deploy.monitor.dashboards.targets import read_hosts, target

    targets = [target(host) for host in hosts]
    if hosts_file:
        targets += read_hosts(hosts_file)
    targets += [target(host) for host in _of_inventory(inventory, limits)]
    rules = with_thresholds(load_alerts(common.settings.catalog_dirs), thresholds)
    written = write_folder(folder, rules, targets or None, force=force)
    text = None if common.quiet else lambda: _text(folder, written)
    return finish(common, _document(folder, written), text, also_as_line=True)


def _of_inventory(named: str | None, limits: tuple[str, ...]) -> list[str]:
    """Where a device's name is no address, Prometheus needs the address: it does not read ~/.ssh/config."""
    if named is None and not limits:
        return []
    from jetson_deploy.fleet.inventory.pattern import chosen
    from jetson_deploy.fleet.inventory.read import read_inventory

    return [device.address or device.name for device in chosen(read_inventory(named), ("all",), limits)]


def _document(folder: Path, written: Written) -> DashboardsDocument:
    return DashboardsDocument(
        folder=str(folder),
        files=tuple(map(str, written.files)),
        changed=tuple(map(str, written.changed)),
        targets=written.targets,
    )


def _text(folder: Path, written: Written) -> str:
    new = [f"written: {path}" for path in written.changed] or ["nothing changed"]
    shown = ", ".join(written.targets[:5]) + (f" and {len(written.targets) - 5} more" if written.targets[5:] else "")
    return "\n".join(
        [
            *new,
            f"asked: {shown}",
            f"next:  cd {shlex.quote(str(folder))} && docker compose up -d",
            "then:  http://127.0.0.1:3000/d/jetson-deploy",
        ]
    )
