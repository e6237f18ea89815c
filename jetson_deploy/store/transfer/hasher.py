"""Every blob is hashed right behind the bytes that arrive, while the page cache holds them; then it gets its name.

What an earlier run left is read from the disk once. A wrong hash costs only the part that is known to be wrong.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from jetson_deploy.errors import IntegrityError
from jetson_deploy.names import Named
from jetson_deploy.store.manifest import Blob
from jetson_deploy.store.remote.errors import corrupt
from jetson_deploy.store.transfer.chunksums import KnowsChunks, wrong_ranges
from jetson_deploy.store.transfer.ranges import Range
from jetson_deploy.store.transfer.work import Job, Work

STEP_BYTES = 1 << 20
_POLL_SECONDS = 0.2


class Hasher:
    """Runs in a thread of its own, through the blobs in their order."""

    def __init__(
        self,
        name: Named,
        work: Work,
        *,
        on_finished: Callable[[Blob], None],
        on_wrong: Callable[[Job, list[Range], str], None],
    ) -> None:
        self._name, self._work = name, work
        self._on_finished, self._on_wrong = on_finished, on_wrong
        self._buffer = memoryview(bytearray(STEP_BYTES))

    def run(self) -> None:
        """Raises IntegrityError `blob-corrupt`, OSError."""
        for job in self._work.jobs:
            job.part.open()
            while not job.finished:
                found = self._digest(job)
                if found is None:
                    return
                if found == job.blob.digest:
                    job.part.finish()
                    self._on_finished(job.blob)
                    job.finished = True
                    self._work.wake()
                else:
                    self._wrong(job, found)

    def _digest(self, job: Job) -> str | None:
        """Of the whole blob, once it is all here; None when the transfer ends before."""
        digest, at = hashlib.sha256(), 0
        while at < job.blob.size:
            frontier = self._wait_beyond(job, at)
            if frontier is None:
                return None
            count = job.part.read_into(self._buffer[: min(frontier - at, STEP_BYTES)], at)
            digest.update(self._buffer[:count])
            at += count
        return f"sha256:{digest.hexdigest()}"

    def _wait_beyond(self, job: Job, at: int) -> int | None:
        while (frontier := job.part.frontier) <= at:
            with self._work.changed:
                if self._work.error is not None:
                    return None
                if job.part.frontier <= at:
                    self._work.changed.wait(_POLL_SECONDS)
        return frontier

    def _wrong(self, job: Job, found: str) -> None:
        """Only what is to be doubted is fetched again. Raises IntegrityError after the last try; nothing is kept."""
        mirrored = job.part.mirrored_ranges()
        if mirrored:
            self._work.sources.drop_mirrors()
            self._on_wrong(job, mirrored, f"its bytes have {found}; data from mirrors is fetched again")
            return
        job.wrong += 1
        if job.wrong == self._work.wrong_tries:
            job.part.discard()
            raise self._corrupt(job, found)
        again = f"trying again ({job.wrong + 1} of {self._work.wrong_tries})"
        self._on_wrong(job, self._doubted(job), f"its bytes have {found}; {again}")

    def _doubted(self, job: Job) -> list[Range]:
        origin = self._work.sources.origin
        chunks = origin.chunksums(job.blob) if isinstance(origin, KnowsChunks) else ()
        return wrong_ranges(job.part.read_into, chunks, job.blob.size)

    def _corrupt(self, job: Job, found: str) -> IntegrityError:
        origin = self._work.sources.origin.address
        return corrupt(self._name, f"blob {job.blob.digest}", origin, job.wrong, f"its bytes have {found}")
