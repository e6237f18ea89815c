"""`key revoke`."""

from __future__ import annotations

import click

from jetson_deploy.cli.finish import finish
from jetson_deploy.cli.options import CommonOptions, acting


@click.command("revoke")
@acting
@click.argument("client")
def command(*, common: CommonOptions, client: str) -> int:
    """Refuse CLIENT's key from now on. No stream is cut: an answer that it is being given goes on to its end."""
    from jetson_deploy.deploy.door.clients import revoke_key

    in_force = revoke_key(common.root, common.settings, common.name, client)
    document = {"schema": "jetson-deploy.key-revoke/1", "name": client, "in_force": in_force}
    text = f"key {client} is refused" if in_force else f"key {client} is gone; no door runs that could have let it in"
    return finish(common, document, None if common.quiet else lambda: text, simulated=common.settings.rehearsal)
