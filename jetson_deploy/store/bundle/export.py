"""One model out of a store, into one tar: read once, hashed while it is written, nothing kept of a wrong one.

The store is only read: one on a read-only disk, or of a native Ollama, will do.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import stat
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import msgspec

from jetson_deploy.errors import IntegrityError, UsageError
from jetson_deploy.events import Reporter
from jetson_deploy.names import ModelName
from jetson_deploy.store.bundle.layout import blob_name, end_of, member_header, padding, small_members
from jetson_deploy.store.bundle.new_file import new_file
from jetson_deploy.store.inventory import manifest_names, read_manifest
from jetson_deploy.store.layout import StorePaths, size_on_disk
from jetson_deploy.store.manifest import Blob, Manifest, manifest_digest, parse_manifest
from jetson_deploy.store.meter import Meter

PIECE_BYTES = 1 << 20


class ExportResult(msgspec.Struct, frozen=True, kw_only=True):
    manifest_digest: str
    """64 hex digits."""
    model_bytes: int
    """Config and layers."""
    written_bytes: int
    """The tar."""


def export_model(
    name: ModelName,
    target: Path,
    *,
    store: Path,
    replace: bool,
    report: Reporter,
    clock: Callable[[], float] = time.monotonic,
) -> ExportResult:
    """Write `name` to the file `target`, which appears whole or not at all.

    Raises IntegrityError (blob-wrong, manifest-damaged), UsageError (model-not-here, file-exists), ResourceError
    (disk-full), PreflightError, LockedError.
    """
    model = _Model(StorePaths(store.absolute()), name)
    target = target.absolute()
    with new_file(target, size=model.tar_bytes, replace=replace) as descriptor:
        return _write(model, descriptor, report, clock)


def stream_model(
    name: ModelName,
    descriptor: int,
    *,
    store: Path,
    report: Reporter,
    clock: Callable[[], float] = time.monotonic,
) -> ExportResult:
    """Write `name` to an open pipe or file. Raises like `export_model`, and OSError when it cannot be written.

    A reader knows by the missing end of the tar that it failed.
    """
    return _write(_Model(StorePaths(store.absolute()), name), descriptor, report, clock)


class _Model:
    """What will be written, known to the byte before the first one."""

    def __init__(self, paths: StorePaths, name: ModelName) -> None:
        self.paths, self.name = paths, name
        self.raw = read_manifest(paths, name) or _not_here(paths, name)
        self.manifest: Manifest = parse_manifest(self.raw, name.short)
        for blob in self.manifest.blobs:
            self._check_size(blob)
        self.small = small_members(name, self.raw, self.manifest)

    def _check_size(self, blob: Blob) -> None:
        size = size_on_disk(self.paths.blob(blob))
        if size is None:
            raise self.wrong(blob, "it is absent, or no readable file")
        if size != blob.size:
            raise self.wrong(blob, f"it has {size} bytes, not {blob.size}")

    def wrong(self, blob: Blob, why: str) -> IntegrityError:
        return IntegrityError(
            f"blob {blob.digest} of {self.name.short} in {self.paths.root} is wrong: {why}",
            hint=f"jetson-deploy model verify --repair --store {self.paths.root} fetches it again",
            code="blob-wrong",
        )

    @property
    def tar_bytes(self) -> int:
        sizes = {name: len(content) for name, content in self.small.items()}
        sizes |= {blob_name(blob.digest): blob.size for blob in self.manifest.blobs}
        members = sum(len(member_header(name, size)) + size + padding(size) for name, size in sizes.items())
        return members + len(end_of(members))


def _not_here(paths: StorePaths, name: ModelName) -> bytes:
    here = sorted(other.short for other in manifest_names(paths))
    listed = ", ".join(here[:5]) + (" …" if here[5:] else "")
    raise UsageError(
        f"the store {paths.root} has no model {name.short}, or its manifest cannot be read",
        hint=f"it holds {listed}" if here else "it holds no model; --store DIR names another store",
        code="model-not-here",
    )


def _write(model: _Model, descriptor: int, report: Reporter, clock: Callable[[], float]) -> ExportResult:
    meter = Meter(f"model {model.name.short}", model.manifest.total_bytes, report, clock)
    meter.phase("exporting")
    meter.tell()
    with ThreadPoolExecutor(1, thread_name_prefix="hash") as hasher:
        written = _Tar(model, descriptor, hasher, meter).write()
    meter.tell()
    return ExportResult(
        manifest_digest=manifest_digest(model.raw), model_bytes=model.manifest.total_bytes, written_bytes=written
    )


class _Tar:
    """Hashing runs beside writing: together they take as long as the slower one (measured: half the time)."""

    def __init__(self, model: _Model, descriptor: int, hasher: ThreadPoolExecutor, meter: Meter) -> None:
        self._model, self._descriptor, self._hasher, self._meter = model, descriptor, hasher, meter
        # Two in turn: one is read into while the other is still hashed.
        self._buffers = itertools.cycle([memoryview(bytearray(PIECE_BYTES)) for _ in range(2)])
        self._written = 0

    def write(self) -> int:
        """Bytes that were written."""
        for name, content in self._model.small.items():
            self._put(member_header(name, len(content)) + content + bytes(padding(len(content))))
        for blob in self._model.manifest.blobs:
            self._blob(blob)
        self._put(end_of(self._written))
        return self._written

    def _blob(self, blob: Blob) -> None:
        self._put(member_header(blob_name(blob.digest), blob.size))
        digest, hashed = hashlib.sha256(), None
        for piece in self._pieces(blob):
            _wait(hashed)
            hashed = self._hasher.submit(digest.update, piece)
            self._put(piece)
            self._meter.advance(len(piece))
        _wait(hashed)
        if "sha256:" + digest.hexdigest() != blob.digest:
            raise self._model.wrong(blob, f"its bytes have sha256:{digest.hexdigest()}")
        self._put(bytes(padding(blob.size)))

    def _pieces(self, blob: Blob) -> Iterator[memoryview]:
        """All of the blob; a piece is good until the next but one is asked for."""
        left = blob.size
        with self._opened(blob) as source:
            while left:
                piece = next(self._buffers)[:left]
                count = self._read(source, piece, blob)
                if count == 0:
                    raise self._model.wrong(blob, f"it was cut to {blob.size - left} bytes meanwhile")
                yield piece[:count]
                left -= count

    @contextlib.contextmanager
    def _opened(self, blob: Blob) -> Iterator[int]:
        try:
            source = os.open(self._model.paths.blob(blob), os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            raise self._model.wrong(blob, f"it cannot be opened: {error.strerror}") from None
        try:
            if not stat.S_ISREG(os.fstat(source).st_mode):
                raise self._model.wrong(blob, "it is no regular file")
            yield source
        finally:
            os.close(source)

    def _read(self, source: int, piece: memoryview, blob: Blob) -> int:
        try:
            return os.readv(source, [piece])
        except OSError as error:
            raise self._model.wrong(blob, f"the disk cannot read it: {error.strerror}") from None

    def _put(self, data: bytes | memoryview) -> None:
        """Raises OSError."""
        view = memoryview(data)
        self._written += len(view)
        while view:
            view = view[os.write(self._descriptor, view) :]


def _wait(hashed: Future[None] | None) -> None:
    if hashed is not None:
        hashed.result()
