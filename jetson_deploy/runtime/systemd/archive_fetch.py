"""An archive from its address, resumable: what arrived outlives the run, and the digest decides what it is."""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import requests

from jetson_deploy.errors import IntegrityError, NetworkError, PreflightError, ResourceError
from jetson_deploy.events import Note, Reporter
from jetson_deploy.names import Named
from jetson_deploy.runtime.systemd.archive import MARGIN_BYTES
from jetson_deploy.runtime.systemd.archive_address import ArchiveAddress
from jetson_deploy.store.disk_errors import free_bytes, is_full
from jetson_deploy.store.interrupt import Ending
from jetson_deploy.store.layout import StorePaths, make_directories
from jetson_deploy.store.lock import store_lock
from jetson_deploy.store.manifest import Blob
from jetson_deploy.store.meter import Meter
from jetson_deploy.store.remote import errors
from jetson_deploy.store.remote.http_source import CONTENT_RANGE, HttpSource
from jetson_deploy.store.remote.retry import Retry
from jetson_deploy.store.transfer.pace import Pace
from jetson_deploy.store.transfer.part import Part, reserved_bytes
from jetson_deploy.store.transfer.source import Sources
from jetson_deploy.store.transfer.transfer import Transfer
from jetson_deploy.units import compared, size_text

_LOCK_SECONDS = 24 * 3600.0
_ANOTHER_WAY = "check the network and the address, or bring the file and name it: --archive FILE; what arrived is kept"
_WRONG = "compare the digest with the release's sha256sum.txt; nothing of what came is kept"
_ROOM = "free some there, or put the state on another disk with JETSON_DEPLOY_STATE_DIR; what arrived is kept"


@contextlib.contextmanager
def fetched(
    address: ArchiveAddress,
    place: Path,
    report: Reporter,
    stop: threading.Event,
    stall_seconds: float,
    sleep: Callable[[float], object] | None = None,
) -> Iterator[Path]:
    """The file, below `place`; after the block nothing is left there, unless it was left by an error.

    Raises NetworkError, IntegrityError `blob-corrupt`, ResourceError `disk-full`, InterruptedRunError, PreflightError.
    """
    paths = StorePaths(place)
    try:
        for directory in (paths.blobs, paths.temporary, paths.partial):
            make_directories(directory)
        with store_lock(paths, wait_seconds=_LOCK_SECONDS, report=report, stop=stop):
            whole = _whole(address, paths, report, Ending(stop), stall_seconds, sleep)
            try:
                yield whole
            except (IntegrityError, PreflightError):  # it will never do
                whole.unlink()
                raise
            shutil.rmtree(place)
    except OSError as error:
        if is_full(error):
            raise ResourceError(f"{place} is full", hint=_ROOM, code="disk-full") from error
        raise PreflightError(
            f"cannot write below {place}: {error.strerror}", hint="run with sudo", code="units-not-writable"
        ) from error


def _whole(
    address: ArchiveAddress,
    paths: StorePaths,
    report: Reporter,
    stop: Ending,
    stall_seconds: float,
    sleep: Callable[[float], object] | None,
) -> Path:
    path = paths.blob(Blob(digest=address.digest, size=0))
    if path.is_file():  # of a run that ended while it was unpacked
        return path
    try:
        with _File(address, address.server, stall_seconds=stall_seconds, stop=stop) as source:
            size = Retry(address, address.server, report, stop, sleep or stop.wait).of("the length", source.length)
            _transfer(address, Blob(digest=address.digest, size=size), paths, source, report, stop, sleep)
    except NetworkError as error:
        raise error.with_context(hint=_ANOTHER_WAY) from error
    except IntegrityError as error:
        message = f"{address.url} is not the file that the digest {address.digest} names"
        raise error.with_context(message=message, hint=_WRONG) from error
    return path


def _transfer(
    address: ArchiveAddress,
    blob: Blob,
    paths: StorePaths,
    source: HttpSource[ArchiveAddress],
    report: Reporter,
    stop: Ending,
    sleep: Callable[[float], object] | None,
) -> None:
    need, free = blob.size - reserved_bytes(paths, blob) + MARGIN_BYTES, free_bytes(paths.root)
    if free < need:
        asked, have = compared(need, free)
        raise ResourceError(
            f"no room for {address.short} in {paths.root}: need {asked}, have {have}", hint=_ROOM, code="disk-full"
        )
    part = Part(paths, blob)
    part.reserve()
    meter = Meter(address.short, blob.size, report, time.monotonic)
    resumed = sum(end - start for start, end in part.here())
    if resumed:
        report(Note(level="info", text=f"resuming: {size_text(resumed)} already downloaded"))
    meter.advance(resumed)
    meter.phase("fetching")
    Transfer(
        address,
        [part],
        Sources([source]),
        meter,
        report=report,
        ending=stop,
        pace=Pace(),
        on_finished=lambda _: None,
        sleep=sleep,
        wrong_tries=1,  # a digest is typed by a person: what is wrong once would be wrong again
    ).run()


class _File(HttpSource[ArchiveAddress]):
    """One file at its address."""

    def length(self) -> int:
        """By a request that every server answers, also a storage service's signed address."""
        with self._ask(self.name.url, {"Range": "bytes=0-0"}) as response:
            if response.status_code not in (requests.codes.ok, requests.codes.partial_content):
                raise errors.refusal(self.name, self.address, response, bool(response.history), self.missing())
            said = CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
            text = said[3] if said else response.headers.get("Content-Length", "")
        if not (text.isascii() and text.isdigit() and len(text) < 15):
            raise NetworkError(f"{self.name.url} does not say how long it is", hint="", code="registry-refused")
        return int(text)

    def url_of(self, blob: Blob) -> str:
        return self.name.url

    def missing(self) -> errors.Missing:
        return _no_such_file


def _no_such_file(name: Named, server: str) -> NetworkError:
    return NetworkError(f"{server} has no {name.short} at that address", hint="", code="archive-not-found")
