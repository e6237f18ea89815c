"""`model adopt`: take over a store that Ollama filled, without copying."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from jetson_deploy.cli.finish import finish
from jetson_deploy.cli.formatting import table
from jetson_deploy.cli.model.narration import advise, count
from jetson_deploy.cli.model.options import store_options
from jetson_deploy.cli.reporters import chosen_reporter
from jetson_deploy.store.maintenance.findings import StoreFault, VerifiedModel
from jetson_deploy.units import size_text

if TYPE_CHECKING:
    from jetson_deploy.cli.options import CommonOptions


class AdoptDocument(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="jetson-deploy.adopt/1"):
    store: str
    all_right: bool
    models: tuple[VerifiedModel, ...]
    findings: tuple[StoreFault, ...]
    hashed_bytes: int
    known_bytes: int
    """Of blobs that were on record already and have not changed since."""
    seconds: float
    next: str
    """The command that serves from this store."""


@click.command("adopt")
@store_options
def command(*, common: CommonOptions, store: Path) -> int:
    """Hash and record the models that native Ollama put into the store, so that `up` can serve from it in place.

    Nothing is copied, moved or changed. A second run hashes only what has changed.
    """
    from jetson_deploy.interrupts import stop_on_interruption
    from jetson_deploy.store.maintenance.adopt import adopt_store

    with chosen_reporter(common) as report, stop_on_interruption() as stop:
        found = adopt_store(store, report=report, stop=stop)
    document = AdoptDocument(
        store=str(store),
        all_right=found.all_right,
        models=found.models,
        findings=found.findings,
        hashed_bytes=found.hashed_bytes,
        known_bytes=found.known_bytes,
        seconds=found.seconds,
        next=f"jetson-deploy up --store {store}",
    )
    code = 0 if found.all_right else 1
    result, simulated = "done" if code == 0 else "damaged", common.settings.rehearsal
    finish(common, document, lambda: _text(document), code=code, result=result, simulated=simulated, also_as_line=True)
    if code:
        advise(f"jetson-deploy model verify --store {store} --repair fetches wrong files again, and no others", common)
    return code


def _text(document: AdoptDocument) -> str:
    rows = [
        ("whole" if m.whole else "NOT WHOLE", m.name, m.manifest_digest[:12], size_text(m.size_bytes))
        for m in document.models
    ]
    lines = [table(rows)] if rows else [f"no model in {document.store}"]
    lines += [f"{f.kind}: {f.path}: {f.observed}" for f in document.findings]
    lines.append(
        f"adopted: {count(len(rows), 'model')}, {size_text(document.hashed_bytes)} hashed and "
        f"{size_text(document.known_bytes)} known from before, in {document.seconds:.2f} s"
    )
    return "\n".join([*lines, f"next: {document.next}"])
