"""`key list`."""

from __future__ import annotations

import click

from jetson_deploy.cli.finish import finish
from jetson_deploy.cli.formatting import table, when
from jetson_deploy.cli.options import CommonOptions, acting


@click.command("list")
@acting
def command(*, common: CommonOptions) -> int:
    """List the keys by name: when each was made and until when it is valid. What a key is, nothing knows."""
    from jetson_deploy.deploy.door.clients import ListedKey, list_keys

    def row(key: ListedKey) -> tuple[str, ...]:
        return key.name, key.state, when(key.created), "never" if key.expires is None else when(key.expires)

    found = list_keys(common.root, common.settings, common.name)
    head = ("NAME", "STATE", "CREATED", "EXPIRES")
    return finish(
        common,
        found,
        lambda: table([head, *map(row, found.keys)]) if found.keys else "no keys: jetson-deploy key create NAME",
        simulated=common.settings.rehearsal,
    )
