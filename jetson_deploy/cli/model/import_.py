"""`model import`: a model from a file."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from jetson_deploy.cli.finish import finish
from jetson_deploy.cli.model.options import store_options
from jetson_deploy.cli.reporters import chosen_reporter
from jetson_deploy.errors import JetsonDeployError, UsageError
from jetson_deploy.events import Reporter
from jetson_deploy.names import ModelName, parse_model_name
from jetson_deploy.units import size_text

if TYPE_CHECKING:
    from jetson_deploy.cli.options import CommonOptions
    from jetson_deploy.store.bundle.file_source import FileSource
    from jetson_deploy.store.transfer.bring import FetchResult


class ImportDocument(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="jetson-deploy.import/1"):
    result: str
    """`done` or `no-changes`."""
    name: str
    file: str
    store: str
    manifest_digest: str
    copied_bytes: int
    reused_bytes: int


@click.command("import")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@store_options
@click.option("--as", "wanted", metavar="NAME", help="Name of the model in the store; required for a GGUF.")
@click.option(
    "--modelfile",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="For a GGUF: YAML with template, system, parameters (as in Ollama's Modelfile), license.",
)
@click.option("--accept-new-digest", is_flag=True, help="Accept a model whose digest has changed.")
def command(
    *,
    common: CommonOptions,
    store: Path,
    file: Path,
    wanted: str | None,
    modelfile: Path | None,
    accept_new_digest: bool,
) -> int:
    """Import a model from a tar of `model export` (or another OCI image layout of a model), or from a bare GGUF.

    Every byte is hashed while it is read. An interrupted import is resumed by the same command. `-` reads standard
    input: what a pipe gives is saved on the store's disk first, so that the model needs its size twice meanwhile.
    """
    from jetson_deploy.cli.model.pins import expected_digest
    from jetson_deploy.plan.wanted_model import DEFAULT_FAMILY

    name = parse_model_name(wanted, default_family=DEFAULT_FAMILY) if wanted is not None else None
    with chosen_reporter(common) as report:
        from jetson_deploy.interrupts import stop_on_interruption
        from jetson_deploy.store.bundle.take_in import take_in

        with stop_on_interruption() as stop, _opened(file, store, report, stop) as (path, descriptor):
            name, raw, source = _model(path, descriptor, name, modelfile, report, stop)
            pin = None if accept_new_digest else expected_digest(name, store, common)
            result = take_in(
                name,
                raw,
                source,
                store=store,
                expected_digest=pin,
                checkpoint_bytes=common.settings.checkpoint_mib << 20,
                report=report,
                stop=stop,
            )
    return _tell(common, name, file, store, result)


@contextlib.contextmanager
def _opened(file: Path, store: Path, report: Reporter, stop: threading.Event) -> Iterator[tuple[Path, int]]:
    """A path of the file that can be opened again, and a descriptor of it."""
    from jetson_deploy.store.bundle.bundle import opened
    from jetson_deploy.store.bundle.piped import STANDARD_INPUT, path_of, spooled

    if str(file) != "-":
        with opened(file) as descriptor:
            yield file, descriptor
        return
    with spooled(sys.stdin.fileno(), store, report, stop) as source:
        path = path_of(source)
        with opened(path) as descriptor:
            try:
                yield path, descriptor
            except JetsonDeployError as error:
                raise error.with_context(message=error.message.replace(str(path), STANDARD_INPUT)) from error


def _model(
    path: Path,
    descriptor: int,
    name: ModelName | None,
    modelfile: Path | None,
    report: Reporter,
    stop: threading.Event,
) -> tuple[ModelName, bytes, FileSource]:
    """Name, manifest and blobs of what the file holds."""
    from jetson_deploy.catalog.modelfile import Modelfile, read_modelfile
    from jetson_deploy.store.bundle.bundle import read_bundle, refuse_other_files
    from jetson_deploy.store.gguf.header import is_gguf
    from jetson_deploy.store.gguf.model import model_of_gguf

    if not is_gguf(descriptor):
        refuse_other_files(path, descriptor)
        if modelfile is not None:
            raise UsageError(
                f"{path} is no GGUF, and only to a GGUF a Modelfile can be added",
                hint="leave --modelfile out: a bundle brings its template and parameters",
                code="usage",
            )
        bundle = read_bundle(path, descriptor, name)
        return bundle.name, bundle.raw, bundle.source
    if name is None:
        raise UsageError(
            f"{path} is a GGUF, which has no name that a server could list",
            hint="name the model: --as my-model:7b",
            code="usage",
        )
    given = read_modelfile(modelfile) if modelfile is not None else Modelfile()
    made = model_of_gguf(path, descriptor, name, given, report=report, stop=stop)
    return name, made.raw, made.source


def _tell(common: CommonOptions, name: ModelName, path: Path, store: Path, result: FetchResult) -> int:
    document = ImportDocument(
        result="done" if result.fetched_bytes or not result.was_here else "no-changes",
        name=name.short,
        file=str(path),
        store=str(store),
        manifest_digest=result.manifest_digest,
        copied_bytes=result.fetched_bytes,
        reused_bytes=result.reused_bytes,
    )
    came = f"{size_text(result.fetched_bytes)} copied, {size_text(result.reused_bytes)} were here"
    text = f"{name.short} {result.manifest_digest[:12]} is in {store}: {came}"
    return finish(
        common, document, lambda: text, result=document.result, simulated=common.settings.rehearsal, also_as_line=True
    )
