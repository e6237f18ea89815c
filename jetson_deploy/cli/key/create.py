"""`key create`: shown once."""

from __future__ import annotations

import click

from jetson_deploy.cli.finish import finish
from jetson_deploy.cli.options import CommonOptions, acting


@click.command("create")
@acting
@click.option("--expires", default="365d", show_default=True, metavar="TIME", help="As 90d, 12h or never.")
@click.argument("client")
def command(*, common: CommonOptions, expires: str, client: str) -> int:
    """Make a key for CLIENT and print it: stdout is the key alone. Only a hash is kept, so nothing shows it again.

    A client sends it as `Authorization: Bearer KEY` or `X-Api-Key: KEY`.
    """
    from jetson_deploy.cli.render import say
    from jetson_deploy.deploy.door.clients import create_key

    made = create_key(common.root, common.settings, common.name, client, expires)
    document = {
        "schema": "jetson-deploy.key-create/1",
        "name": made.client,
        "key": made.secret.reveal(),
        "expires": made.expires,
        "in_force": made.in_force,
    }
    if not common.quiet and not common.as_json and not common.as_events:
        state = "the door lets it in now" if made.in_force else "nothing is exposed yet: jetson-deploy expose"
        say(f"key {made.client}, valid {'for ever' if made.expires is None else f'until {made.expires}'}; {state}")
    return finish(common, document, lambda: made.secret.reveal(), simulated=common.settings.rehearsal)
