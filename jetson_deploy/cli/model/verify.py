"""`model verify`: hash what is here; --repair fetches only what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from jetson_deploy.cli.finish import finish
from jetson_deploy.cli.model.narration import advise, count
from jetson_deploy.cli.model.options import store_options
from jetson_deploy.cli.reporters import chosen_reporter
from jetson_deploy.store.layout import StorePaths
from jetson_deploy.store.maintenance.findings import KINDS, StoreFault, Verification, VerifiedModel
from jetson_deploy.store.maintenance.repair import NotRepaired, Repair, repair
from jetson_deploy.units import size_text

if TYPE_CHECKING:
    import threading

    from jetson_deploy.cli.options import CommonOptions
    from jetson_deploy.events import Reporter
    from jetson_deploy.names import ModelName


class VerifyDocument(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="jetson-deploy.verify/1"):
    """The store as it is at the end: after the repair, where one was asked for."""

    store: str
    all_right: bool
    models: tuple[VerifiedModel, ...]
    blobs: int
    """That a manifest needs."""
    counts: dict[str, int]
    """Findings of each kind."""
    findings: tuple[StoreFault, ...]
    hashed_bytes: int
    seconds: float
    not_recorded: str | None
    """Why the result could not be put on record, so that the next `up` hashes again."""
    repaired: tuple[str, ...] = ()
    not_repaired: tuple[NotRepaired, ...] = ()


@click.command("verify")
@click.argument("model", metavar="[NAME]", required=False)
@store_options
@click.option("--repair", "wants_repair", is_flag=True, help="Download what is missing or corrupt, and nothing else.")
@click.option("--registry", metavar="URL", help="Registry that --repair downloads from.")
def command(*, common: CommonOptions, store: Path, model: str | None, wants_repair: bool) -> int:
    """Hash every blob of every model, or of NAME, and say what is missing, short, altered, or needed by no model.

    Exit 0 when every model is whole; unneeded files are listed and harmless.
    """
    from jetson_deploy.cli.model.names import stored_name
    from jetson_deploy.interrupts import stop_on_interruption
    from jetson_deploy.store.maintenance.presence import check_is_store
    from jetson_deploy.store.maintenance.record import record_if_possible
    from jetson_deploy.store.maintenance.verify import verify_store

    paths = StorePaths(store)
    check_is_store(paths)
    only = stored_name(model, store) if model else None
    repaired: Repair | None = None
    with chosen_reporter(common) as report, stop_on_interruption() as stop:
        checked = verify_store(paths, only=only, report=report, stop=stop)
        if wants_repair and not checked.all_right:
            repaired = _repair(paths, checked, common, report, stop)
            after = verify_store(paths, only=only, known=repaired.known, report=report, stop=stop)
            checked = _both(checked, after)
        not_recorded = record_if_possible(paths, checked)
    document = _document(store, checked, not_recorded, repaired)
    code = _exit_code(checked, repaired)
    result, simulated = "done" if code == 0 else "damaged", common.settings.rehearsal
    finish(common, document, lambda: _text(document), code=code, result=result, simulated=simulated, also_as_line=True)
    _hint(document, common)
    return code


def _repair(
    paths: StorePaths, checked: Verification, common: CommonOptions, report: Reporter, stop: threading.Event
) -> Repair:
    from jetson_deploy.cli.model.pins import pin_of
    from jetson_deploy.store.fetch import fetch_model
    from jetson_deploy.store.transfer.pace import pace_from

    settings = common.settings

    def fetch(name: ModelName, digest: str | None) -> object:
        return fetch_model(
            name,
            store=paths.root,
            registry=settings.registry,
            expected_digest=digest,
            report=report,
            stop=stop,
            mirrors=settings.mirrors,
            credentials=settings.credentials,
            pace=pace_from(settings, None),
            stall_seconds=settings.stall_seconds,
        )

    return repair(paths, checked, fetch=fetch, pin=lambda name: pin_of(name, common), report=report, stop=stop)


def _both(before: Verification, after: Verification) -> Verification:
    """The store as it is now, with the work of both looks."""
    return msgspec.structs.replace(
        after, hashed_bytes=before.hashed_bytes + after.hashed_bytes, seconds=round(before.seconds + after.seconds, 3)
    )


def _exit_code(checked: Verification, repaired: Repair | None) -> int:
    if checked.all_right:
        return 0
    return repaired.failed[0].exit_code if repaired is not None and repaired.failed else 1


def _document(store: Path, checked: Verification, not_recorded: str | None, repaired: Repair | None) -> VerifyDocument:
    return VerifyDocument(
        store=str(store),
        all_right=checked.all_right,
        models=checked.models,
        blobs=len(checked.right) + len(checked.wrong),
        counts={kind: sum(f.kind == kind for f in checked.findings) for kind in KINDS},
        findings=checked.findings,
        hashed_bytes=checked.hashed_bytes,
        seconds=checked.seconds,
        not_recorded=not_recorded,
        repaired=repaired.repaired if repaired else (),
        not_repaired=repaired.failed if repaired else (),
    )


def _text(document: VerifyDocument) -> str:
    lines = [_line(finding) for finding in document.findings]
    lines += [f"not repaired: {failed.model}: {failed.message}" for failed in document.not_repaired]
    if document.repaired:
        lines.append(f"repaired: {', '.join(document.repaired)}")
    return "\n".join([*lines, _summary(document)])


def _line(finding: StoreFault) -> str:
    expected = f" (expected: {finding.expected})" if finding.expected else ""
    needed = f", needed by {', '.join(finding.models)}" if finding.models and finding.blob else ""
    return f"{finding.kind}: {finding.path}: {finding.observed}{expected}{needed}"


def _summary(document: VerifyDocument) -> str:
    rate = document.hashed_bytes / document.seconds if document.seconds else 0
    work = f"{size_text(document.hashed_bytes)} hashed in {document.seconds:.2f} s ({size_text(int(rate))}/s)"
    what = f"{count(len(document.models), 'model')}, {count(document.blobs, 'blob')}"
    if document.all_right:
        return f"all right: {what}, {work}" if document.models else f"no model in {document.store}"
    broken = [model.name for model in document.models if not model.whole]
    of_them = f"not whole: {', '.join(broken)}" if broken else "a manifest is damaged"
    return f"DAMAGED: {of_them}; looked at {what}, {work}"


def _hint(document: VerifyDocument, common: CommonOptions) -> None:
    if document.not_repaired:
        advise(document.not_repaired[0].hint, common)
    elif not document.all_right:
        store = document.store
        advise(f"jetson-deploy model verify --store {store} --repair fetches wrong files again, and no others", common)
    elif document.counts["unreferenced"] or document.counts["unfinished"]:
        advise(f"jetson-deploy model prune --store {document.store} removes unneeded files", common)
    if document.not_recorded:
        advise(f"the result is not on record: {document.not_recorded}", common, "note")
