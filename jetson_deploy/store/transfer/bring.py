"""A model whose manifest is known, into the store: what is right stays, what is missing comes, the manifest is last."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from jetson_deploy.events import Note, Reporter
from jetson_deploy.names import ModelName
from jetson_deploy.store import blobs
from jetson_deploy.store.disk_errors import disk_full, free_bytes, is_full
from jetson_deploy.store.identity import VerifiedBlobs
from jetson_deploy.store.interrupt import Ending, check_stop
from jetson_deploy.store.inventory import read_manifest
from jetson_deploy.store.layout import StorePaths, size_on_disk
from jetson_deploy.store.manifest import Blob, manifest_digest, parse_manifest
from jetson_deploy.store.meter import Meter
from jetson_deploy.store.place import make_durable, place_manifest
from jetson_deploy.store.transfer.chunksums import KnowsChunks, right_ranges_of
from jetson_deploy.store.transfer.pace import Pace
from jetson_deploy.store.transfer.part import Part, remove_leftovers, reserved_bytes
from jetson_deploy.store.transfer.source import Source, Sources
from jetson_deploy.store.transfer.transfer import Transfer
from jetson_deploy.units import size_text


class FetchResult(msgspec.Struct, frozen=True, kw_only=True):
    manifest_digest: str
    """64 hex digits."""
    fetched_bytes: int
    """Of blobs, from the sources."""
    reused_bytes: int
    """Blobs that were here and right, and what an earlier run had brought of the others."""
    was_here: bool
    """The store had a manifest of this name before, whole or not."""


def bring_model(
    paths: StorePaths,
    name: ModelName,
    raw: bytes,
    sources: Sequence[Source],
    *,
    report: Reporter,
    stop: threading.Event,
    pace: Pace | None = None,
    sleep: Callable[[float], object] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> FetchResult:
    """Bring what is missing of the model with the manifest `raw`; the caller holds the store's lock.

    `sources`: the last one is the origin, those before it are asked first and left at the first doubt.
    Setting `stop` ends the call within a moment; what arrived is on record and the next call goes on there.

    Raises NetworkError, IntegrityError (blob-corrupt, manifest-damaged), ResourceError (disk-full),
    PreflightError (the store), InterruptedRunError, OSError (of the store's files).
    """
    return _Bringing(paths, name, raw, report, stop, clock).run(Sources(sources), pace or Pace(), sleep)


class _Bringing:
    def __init__(
        self,
        paths: StorePaths,
        name: ModelName,
        raw: bytes,
        report: Reporter,
        stop: threading.Event,
        clock: Callable[[], float],
    ) -> None:
        self._paths, self._name, self._raw = paths, name, raw
        self._report = report
        self._ending = stop if isinstance(stop, Ending) else Ending(stop)
        self._manifest = parse_manifest(raw, name.short)
        self._meter = Meter(f"model {name.short}", self._manifest.total_bytes, report, clock)
        self._verified = VerifiedBlobs(paths)
        self._wrong: dict[str, Path] = {}
        """Blobs that are altered or short. They stay until what replaces them is ready: offline nothing is lost."""

    def run(self, sources: Sources, pace: Pace, sleep: Callable[[float], object] | None) -> FetchResult:
        here = read_manifest(self._paths, self._name)
        missing = [blob for blob in self._manifest.blobs if not self._is_right(blob)]
        self._salvage(missing, sources.origin)
        parts = self._reserved(missing)
        reused = self._meter.done
        self._meter.phase("fetching")
        self._meter.tell()
        if parts:
            self._transfer(parts, sources, pace, sleep)
        check_stop(self._ending)
        brought = {blob.digest for blob in missing}
        make_durable(self._paths, [blob for blob in self._manifest.blobs if blob.digest not in brought])
        with self._numbers_when_full():
            place_manifest(self._paths, self._name, self._raw)
        self._meter.tell()
        return FetchResult(
            manifest_digest=manifest_digest(self._raw),
            fetched_bytes=self._manifest.total_bytes - reused,
            reused_bytes=reused,
            was_here=here is not None,
        )

    def _transfer(
        self, parts: list[Part], sources: Sources, pace: Pace, sleep: Callable[[float], object] | None
    ) -> None:
        transfer = Transfer(
            self._name,
            parts,
            sources,
            self._meter,
            report=self._report,
            ending=self._ending,
            pace=pace,
            on_finished=self._finished,
            sleep=sleep,
        )
        with self._numbers_when_full():
            transfer.run()

    @contextlib.contextmanager
    def _numbers_when_full(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if not is_full(error):
                raise
            left = self._manifest.total_bytes - self._meter.done
            raise disk_full(self._paths.root, left + len(self._raw)) from error

    def _finished(self, blob: Blob) -> None:
        # A full disk loses the record of the hashing, which costs one more, and not the blob.
        with contextlib.suppress(OSError):
            self._verified.add(blob)

    def _is_right(self, blob: Blob) -> bool:
        check_stop(self._ending)
        problem = blobs.what_is_wrong(self._paths, blob, self._verified, self._meter, self._ending)
        if problem is None:
            remove_leftovers(self._paths, blob)
            return True
        if problem != "absent":
            self._report(Note(level="warning", text=f"{blob.file_name} in the store is wrong: {problem}; fetching it"))
            self._wrong[blob.digest] = self._paths.blob(blob)
        return False

    def _salvage(self, missing: list[Blob], origin: Source) -> None:
        """Of an altered blob only the altered chunks are fetched again, where the origin can tell them."""
        for blob in missing:
            altered = self._wrong.get(blob.digest)
            if altered is None or size_on_disk(altered) != blob.size or not isinstance(origin, KnowsChunks):
                continue
            if chunks := origin.chunksums(blob):
                right = right_ranges_of(altered, chunks)
                Part(self._paths, blob).take_over(self._wrong.pop(blob.digest), right)

    def _reserved(self, missing: list[Blob]) -> list[Part]:
        """Room for all of it, before the first byte. Wrong blobs give theirs back when it is short."""
        need = sum(blob.size - reserved_bytes(self._paths, blob) for blob in missing)
        if free_bytes(self._paths.root) < need:
            for wrong in self._wrong.values():
                wrong.unlink(missing_ok=True)
        if free_bytes(self._paths.root) < need:
            raise disk_full(self._paths.root, need)
        parts = [Part(self._paths, blob) for blob in missing]
        try:
            for part in parts:
                part.reserve()
        except OSError as error:
            _give_back(parts)
            if is_full(error):
                raise disk_full(self._paths.root, need) from error
            raise
        resumed = sum(end - start for part in parts for start, end in part.here())
        if resumed:
            self._report(Note(level="info", text=f"resuming: {size_text(resumed)} already downloaded"))
        self._meter.advance(resumed)
        return parts


def _give_back(parts: list[Part]) -> None:
    """The room of parts that hold nothing yet."""
    for part in parts:
        if not part.was_here:
            with contextlib.suppress(OSError):
                part.discard()
