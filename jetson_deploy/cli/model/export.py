"""`model export`: one model into one tar file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from jetson_deploy.cli.finish import finish
from jetson_deploy.cli.model.options import store_options
from jetson_deploy.cli.render import say
from jetson_deploy.cli.reporters import chosen_reporter
from jetson_deploy.errors import ResourceError, UsageError
from jetson_deploy.names import ModelName, parse_model_name
from jetson_deploy.units import size_text

if TYPE_CHECKING:
    from jetson_deploy.cli.options import CommonOptions
    from jetson_deploy.events import Reporter
    from jetson_deploy.store.bundle.export import ExportResult


class ExportDocument(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="jetson-deploy.export/1"):
    result: str = "done"
    name: str
    file: str
    store: str
    manifest_digest: str
    model_bytes: int
    written_bytes: int


@click.command("export")
@click.argument("model", metavar="NAME")
@click.argument("file", metavar="FILE")
@store_options
@click.option("--force", is_flag=True, help="Replace FILE once the new one is complete.")
def command(*, common: CommonOptions, store: Path, model: str, file: str, force: bool) -> int:
    """Write one model to a tar file (an OCI image layout) and hash every blob. FILE `-` is standard output."""
    from jetson_deploy.plan.wanted_model import DEFAULT_FAMILY

    name = parse_model_name(model, default_family=DEFAULT_FAMILY)
    if file == "-":
        _check_stdout(common)
    with chosen_reporter(common) as report:
        from jetson_deploy.store.bundle.export import export_model

        if file == "-":
            result = _to_stdout(name, store, report)
        else:
            result = export_model(name, Path(file), store=store, replace=force, report=report)
    return _tell(common, name, file, store, result)


def _check_stdout(common: CommonOptions) -> None:
    if common.as_json or common.as_events:
        raise UsageError(
            "the model and the document cannot both go to standard output",
            hint="give a FILE with --json or --events",
            code="usage",
        )
    if sys.stdout.isatty():
        raise UsageError(
            "standard output is a terminal, and the model is no text",
            hint="give a FILE, or send it on: jetson-deploy model export NAME - | ssh HOST 'cat > model.tar'",
            code="stdout-is-a-terminal",
        )


def _to_stdout(name: ModelName, store: Path, report: Reporter) -> ExportResult:
    from jetson_deploy.store.bundle.export import stream_model

    try:
        return stream_model(name, sys.stdout.fileno(), store=store, report=report)
    except OSError as error:
        raise ResourceError(
            f"the model could not be written to standard output: {error.strerror}",
            hint="its reader ended or has no room; the data written there is incomplete",
            code="output-not-writable",
        ) from error


def _tell(common: CommonOptions, name: ModelName, file: str, store: Path, result: ExportResult) -> int:
    document = ExportDocument(name=name.short, file=file, store=str(store), **msgspec.structs.asdict(result))
    what = f"exported: {name.short} ({result.manifest_digest[:12]}), {size_text(result.written_bytes)}"
    text = None if file == "-" else lambda: f"{what} in {file}"
    if file == "-" and not common.quiet:
        say(what)
    return finish(common, document, text, simulated=common.settings.rehearsal, also_as_line=True)
