"""`model serve`: the store as a read-only registry for the neighbours."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from jetson_deploy.cli.finish import announce, finish
from jetson_deploy.cli.model.options import store_options
from jetson_deploy.cli.reporters import chosen_reporter
from jetson_deploy.events import Note, Reporter
from jetson_deploy.units import size_text

if TYPE_CHECKING:
    import socket

    from jetson_deploy.cli.options import CommonOptions
    from jetson_deploy.store.layout import StorePaths
    from jetson_deploy.store.serve.server import Bounds
    from jetson_deploy.store.serve.tally import Totals

_SHOWN = 10


class ServeDocument(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="jetson-deploy.model-serve/1"):
    """Printed as soon as connections are taken."""

    store: str
    url: str
    host: str
    port: int
    models: tuple[str, ...]
    """Those that are there whole now; more may come while it serves."""
    incomplete: tuple[str, ...]
    """Models of which a blob is missing or has another size."""
    connections: int
    bytes_per_second: float | None
    """Over all connections together; None: no limit."""


@click.command("serve")
@store_options
@click.option(
    "--listen", required=True, metavar="HOST:PORT", help="Address to listen on; port 0 picks a free one and prints it."
)
@click.option(
    "--connections",
    type=click.IntRange(1, 1000),
    default=64,
    show_default=True,
    metavar="N",
    help="Simultaneous connections; one `ollama pull` uses up to 16.",
)
@click.option(
    "--limit-rate",
    default="0",
    metavar="RATE",
    help="Limit over all transfers in bytes per second: 500K, 10M; 0: no limit.",
)
def command(*, common: CommonOptions, store: Path, listen: str, connections: int, limit_rate: str) -> int:
    """Serve this store as a read-only registry for other boards, until Ctrl-C. No login, no TLS.

    Another board fetches a model with `jetson-deploy model fetch NAME --registry http://HOST:PORT`, or with Ollama:
    `ollama pull http://HOST:PORT/library/NAME:TAG --insecure`.
    """
    from jetson_deploy.store.rate import parse_rate
    from jetson_deploy.store.serve.descriptors import reserve_descriptors
    from jetson_deploy.store.serve.listen import listening_socket, parse_listen
    from jetson_deploy.store.serve.served import store_to_serve
    from jetson_deploy.store.serve.server import Bounds

    wanted, rate = parse_listen(listen), parse_rate(limit_rate)
    bounds = Bounds(connections=connections, bytes_per_second=rate or None)
    paths = store_to_serve(store)
    reserve_descriptors(bounds.connections)
    with listening_socket(wanted) as listener:
        document = _document(paths, listener, wanted.host, bounds)
        _serve(document, paths, listener, bounds, common)
    return finish(common, document if common.as_events else None, None, simulated=common.settings.rehearsal)


def _document(paths: StorePaths, listener: socket.socket, host: str, bounds: Bounds) -> ServeDocument:
    from jetson_deploy.store.serve.listen import address_of
    from jetson_deploy.store.serve.served import served_models

    address, (whole, incomplete) = address_of(listener, host), served_models(paths)
    return ServeDocument(
        store=str(paths.root),
        url=address.url,
        host=address.host,
        port=address.port,
        models=tuple(whole),
        incomplete=tuple(incomplete),
        connections=bounds.connections,
        bytes_per_second=bounds.bytes_per_second,
    )


def _serve(
    document: ServeDocument, paths: StorePaths, listener: socket.socket, bounds: Bounds, common: CommonOptions
) -> None:
    from jetson_deploy.interrupts import stop_on_interruption
    from jetson_deploy.store.serve.server import StoreServer
    from jetson_deploy.store.serve.tally import Tally

    with chosen_reporter(common) as report, stop_on_interruption() as stop:
        tally = Tally(report, detailed=common.verbose)
        server = StoreServer(paths, listener, bounds, tally, stop)
        _announce(document, common, report)
        server.run()
        report(Note(level="info", text=_summary(tally.totals)))


def _announce(document: ServeDocument, common: CommonOptions, report: Reporter) -> None:
    report(Note(level="info", text=f"models: {_listed(document.models) or 'none yet'}"))
    if document.incomplete:
        report(Note(level="warning", text=f"incomplete, verify --repair helps: {_listed(document.incomplete)}"))
    readers = f"whoever reaches {document.url.removeprefix('http://')} can read the models"
    report(Note(level="warning", text=f"there is no login and no TLS: {readers}"))
    announce(common, document, f"serving {document.store} at {document.url}", common.settings.rehearsal)


def _listed(models: tuple[str, ...]) -> str:
    more = f" and {len(models) - _SHOWN} more" if len(models) > _SHOWN else ""
    return ", ".join(models[:_SHOWN]) + more


def _summary(totals: Totals) -> str:
    sent = f"{size_text(totals.sent_bytes)} ({totals.sent_bytes} bytes)"
    refused = f"; refused connections: {totals.refused}" if totals.refused else ""
    return f"served requests: {totals.requests}, clients: {totals.clients}, sent: {sent}{refused}"
