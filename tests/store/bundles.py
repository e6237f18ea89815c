"""Stores with one small model, and tars of every shape, right and wrong."""

from __future__ import annotations

import contextlib
import io
import json
import signal
import tarfile
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from registry_server import Model, blob_file, digest_of, small_model

from jetson_deploy.cli.main import main
from jetson_deploy.events import Reporter, silent
from jetson_deploy.store.bundle.bundle import Bundle
from jetson_deploy.store.bundle.take_in import take_in
from jetson_deploy.store.transfer.bring import FetchResult
from jetson_deploy.store.transfer.source import Source

NAME = "own/tiny:1"
"""A name that the catalog pins to nothing."""
MANIFEST = Path("manifests/registry.ollama.ai/own/tiny/1")


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        read: dict[str, Any] = json.loads(self.out)
        return read


def jetson_deploy(*arguments: object) -> Done:
    """The command line in this process: what a verb prints, and its exit code."""
    out, err = io.StringIO(), io.StringIO()
    with _signals_kept(), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as leave:
            code = leave.code
    assert isinstance(code, int)
    assert code != 70, err.getvalue()
    return Done(code, out.getvalue(), err.getvalue())


@contextlib.contextmanager
def _signals_kept() -> Iterator[None]:
    """`main` hears SIGTERM and SIGHUP; the tests' own process does not."""
    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def exported(store: Path, file: Path, *options: str, name: str = NAME) -> Done:
    return jetson_deploy("model", "export", name, file, "--store", store, "--json", *options)


def imported(file: Path, store: Path, *options: str) -> Done:
    return jetson_deploy("model", "import", file, "--store", store, "--json", *options)


def taken_in(
    bundle: Bundle,
    store: Path,
    *,
    source: Source | None = None,
    report: Reporter = silent,
    stop: threading.Event | None = None,
) -> FetchResult:
    """Import an open bundle, checkpoints near. `source`: another one for the same blobs."""
    return take_in(
        bundle.name,
        bundle.raw,
        source or bundle.source,
        store=store,
        expected_digest=None,
        checkpoint_bytes=1 << 20,
        report=report,
        stop=stop or threading.Event(),
    )


def tiny_model(seed: int = 1) -> Model:
    return small_model(3000, seed)


def write_store(store: Path, model: Model, manifest: Path = MANIFEST) -> Path:
    """As a native Ollama would have left it."""
    (store / "blobs").mkdir(parents=True, exist_ok=True)
    (store / manifest).parent.mkdir(parents=True, exist_ok=True)
    (store / manifest).write_bytes(model.manifest)
    for digest, content in model.blobs.items():
        blob_file(store, digest).write_bytes(content)
    return store


def tree(folder: Path) -> dict[str, bytes | None]:
    """Every path below with its content; None for a directory."""
    found = sorted(folder.rglob("*"))
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in found}


def layout_of(model: Model, ref_name: str | None = NAME) -> dict[str, bytes]:
    """The files of an OCI image layout that holds the model."""
    return {
        "oci-layout": b'{"imageLayoutVersion": "1.0.0"}',
        "index.json": index_of(entry_of(model, ref_name)),
        f"blobs/sha256/{model.digest}": model.manifest,
        **{f"blobs/{digest.replace(':', '/')}": content for digest, content in model.blobs.items()},
    }


def entry_of(model: Model, ref_name: str | None) -> dict[str, Any]:
    media = json.loads(model.manifest)["mediaType"]
    entry: dict[str, Any] = {"mediaType": media, "digest": digest_of(model.manifest), "size": len(model.manifest)}
    return entry | ({"annotations": {"org.opencontainers.image.ref.name": ref_name}} if ref_name is not None else {})


def index_of(*entries: dict[str, Any]) -> bytes:
    return json.dumps({"schemaVersion": 2, "manifests": entries}).encode()


def tar_of(
    files: dict[str, bytes], extra: Iterable[tuple[tarfile.TarInfo, bytes]] = (), form: int = tarfile.PAX_FORMAT
) -> bytes:
    """`extra`: further members with headers of any kind."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        for name, content in files.items():
            tar.addfile(member(name, len(content)), io.BytesIO(content))
        for info, content in extra:
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def member(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE, **changed: Any) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    for key, value in changed.items():
        setattr(info, key, value)
    return info
