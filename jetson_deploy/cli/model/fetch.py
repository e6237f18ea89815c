"""`model fetch`: bring a model from a registry."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from jetson_deploy.cli.finish import finish
from jetson_deploy.cli.model.options import store_options
from jetson_deploy.cli.reporters import chosen_reporter
from jetson_deploy.units import size_text

if TYPE_CHECKING:
    from jetson_deploy.cli.options import CommonOptions
    from jetson_deploy.store.fetch import FetchResult


class Fetched(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="jetson-deploy.fetch/1"):
    result: str
    """`done` or `no-changes`."""
    name: str
    store: str
    manifest_digest: str
    fetched_bytes: int
    reused_bytes: int


@click.command("fetch")
@click.argument("model", metavar="NAME")
@store_options
@click.option("--registry", metavar="URL", help="Registry to download from (Ollama or OCI protocol).")
@click.option(
    "--mirror",
    "mirrors",
    multiple=True,
    metavar="URL",
    help="Mirror to try first, e.g. another board's `model serve`; dropped on the first error; repeatable.",
)
@click.option(
    "--limit-rate", "rate", metavar="RATE", help="Limit over all connections in bytes per second: 500K, 2.5M."
)
@click.option(
    "--credentials",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Registry logins, in the format of Docker's config.json.",
)
@click.option("--accept-new-digest", is_flag=True, help="Accept a tag whose digest has changed.")
def command(
    *,
    common: CommonOptions,
    store: Path,
    model: str,
    mirrors: tuple[str, ...],
    rate: str | None,
    credentials: Path | None,
    accept_new_digest: bool,
) -> int:
    """Download the model NAME (deepseek-r1:7b, 7b, host:5000/library/name:tag) into the store.

    An interrupted download is resumed by the same command. A catalog's model must have the catalog's digest, any other
    one the digest that the store has of it, unless --accept-new-digest.
    """
    from jetson_deploy.cli.model.pins import expected_digest
    from jetson_deploy.names import parse_model_name
    from jetson_deploy.plan.wanted_model import DEFAULT_FAMILY

    name = parse_model_name(model, default_family=DEFAULT_FAMILY)
    pin = None if accept_new_digest else expected_digest(name, store, common)
    with chosen_reporter(common) as report:
        from jetson_deploy.interrupts import stop_on_interruption
        from jetson_deploy.store.fetch import fetch_model
        from jetson_deploy.store.transfer.pace import pace_from

        with stop_on_interruption() as stop:
            result = fetch_model(
                name,
                store=store,
                registry=common.settings.registry,
                expected_digest=pin,
                report=report,
                stop=stop,
                mirrors=mirrors or common.settings.mirrors,
                credentials=credentials or common.settings.credentials,
                pace=pace_from(common.settings, rate),
                stall_seconds=common.settings.stall_seconds,
            )
    return _tell(common, store, name.short, result)


def _tell(common: CommonOptions, store: Path, name: str, result: FetchResult) -> int:
    fetched = Fetched(
        result="done" if result.fetched_bytes or not result.was_here else "no-changes",
        name=name,
        store=str(store),
        manifest_digest=result.manifest_digest,
        fetched_bytes=result.fetched_bytes,
        reused_bytes=result.reused_bytes,
    )
    came = f"{size_text(result.fetched_bytes)} fetched, {size_text(result.reused_bytes)} were here"
    text = f"{name} {result.manifest_digest[:12]} is in {store}: {came}"
    return finish(
        common, fetched, lambda: text, result=fetched.result, simulated=common.settings.rehearsal, also_as_line=True
    )
