"""`expose`: the endpoint on a network, shown first."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jetson_deploy.cli.agree import must_agree
from jetson_deploy.cli.finish import finish
from jetson_deploy.cli.options import CommonOptions, acting, offered, waiting
from jetson_deploy.cli.render import say
from jetson_deploy.cli.reporters import chosen_reporter

if TYPE_CHECKING:
    from jetson_deploy.deploy.door.build import Exposure

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("expose")
@offered("--yes")
@acting
@click.option("--listen", metavar="ADDR[:PORT]", help="Address of this host, or 0.0.0.0; port 8443 if none is given.")
@click.option("--hostname", "names", multiple=True, metavar="NAME", help="What clients call this host; repeatable.")
@click.option("--certificate", type=_FILE, metavar="FILE", help="Your certificate with its chain, PEM.")
@click.option("--certificate-key", type=_FILE, metavar="FILE", help="Its key, PEM, without a passphrase.")
@click.option("--concurrent", type=click.IntRange(1, 256), help="Requests of a key at a time (4).")
@click.option("--per-minute", type=click.IntRange(1, 100_000), help="Requests of a key a minute (120).")
@click.option("--waiting", type=click.IntRange(1, 256), help="Requests that may wait for the model (16).")
@waiting
def command(
    *,
    common: CommonOptions,
    listen: str | None,
    names: tuple[str, ...],
    certificate: Path | None,
    certificate_key: Path | None,
    concurrent: int | None,
    per_minute: int | None,
    waiting: int | None,
    wait: bool,
) -> int:
    """Put the endpoint on a network: HAProxy with TLS, a key for each client, limits.

    \b
    jetson-deploy expose --listen 192.168.1.20             what would be done
    sudo jetson-deploy expose --listen 192.168.1.20 --yes  do it
    sudo jetson-deploy key create laptop                   a key, shown once
    sudo jetson-deploy unexpose                            end it

    Shows it and asks; off a terminal nothing is done without --yes. Proven by requests through it, with a key and
    without; taken back where that fails. Without --listen what stands is brought up to date, its certificate too.
    """
    from jetson_deploy.deploy.door.build import check_is_root, described_plan, open_door
    from jetson_deploy.deploy.door.planned import Wishes, plan_door

    wishes = Wishes(
        listen=listen,
        names=names,
        certificate=certificate,
        certificate_key=certificate_key,
        concurrent=concurrent,
        per_minute=per_minute,
        waiting=waiting,
    )
    plan = plan_door(common.root, common.settings, common.catalog(), common.name, wishes)
    shown = described_plan(plan, common.settings)
    if not common.yes:
        if common.as_json or common.as_events or not (sys.stdin.isatty() and sys.stderr.isatty()):
            return _end(common, shown, plan.simulated)
        say(_text(shown))
        check_is_root()
        must_agree("Do it?")
    with chosen_reporter(common) as report:
        done = open_door(common.root, common.settings, common.catalog(), common.name, wishes, report, wait=wait)
    return _end(common, done, plan.simulated)


def _end(common: CommonOptions, found: Exposure, simulated: str | None) -> int:
    text = None if common.quiet else lambda: _text(found)
    return finish(common, found, text, result=found.result, simulated=simulated)


def _text(found: Exposure) -> str:
    if found.result == "planned":
        return "\n".join((*found.changes, "nothing was done: --yes does it"))
    lines = [f"{'no changes: ' if found.result == 'no-changes' else ''}exposed: {found.url}"]
    if found.certificate is not None:
        lines.append(f"certificate until {found.certificate.not_after[:10]}, SHA-256 {found.certificate.sha256}")
    if found.ca is not None:
        lines.append(f"clients trust {found.ca}: copy it to them (curl --cacert FILE; SSL_CERT_FILE=FILE)")
    keys = f"keys: {found.keys}" if found.keys else f"no key yet: sudo jetson-deploy key create NAME{_named(found)}"
    return "\n".join((*lines, keys))


def _named(found: Exposure) -> str:
    return "" if found.deployment == "default" else f" --name {found.deployment}"
