"""`unexpose`: nothing of the deployment listens on a network any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from jetson_deploy.cli.finish import finish
from jetson_deploy.cli.options import CommonOptions, acting, waiting
from jetson_deploy.cli.reporters import chosen_reporter

if TYPE_CHECKING:
    from jetson_deploy.deploy.door.close import Closed


@click.command("unexpose")
@acting
@click.option("--forget-keys", is_flag=True, help="Also delete the clients' keys and the CA.")
@waiting
def command(*, common: CommonOptions, forget_keys: bool, wait: bool) -> int:
    """Stop HAProxy and remove its unit; the server itself serves on, on loopback. Streams that run through it end."""
    from jetson_deploy.deploy.door.close import unexpose
    from jetson_deploy.settings import check_acts_here

    check_acts_here(common.root, common.settings, "unexpose")
    with chosen_reporter(common) as report:
        closed = unexpose(common.settings, common.name, report, forget_keys=forget_keys, wait=wait)
    text = None if common.quiet else lambda: _text(closed)
    return finish(common, closed, text, result=closed.result, simulated=common.settings.rehearsal)


def _text(closed: Closed) -> str:
    kept = "; keys and CA are kept (--forget-keys deletes them)" if closed.keys_kept else ""
    if closed.result == "no-changes":
        return f"no changes: deployment {closed.deployment!r} is not exposed{kept}"
    return f"deployment {closed.deployment!r} listens on loopback alone{kept}"
