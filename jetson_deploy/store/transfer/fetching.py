"""One connection of a transfer: take a range, stream it into its blob, classify a failure.

A mirror is dropped at the first doubt. The origin is tried again with pauses; a try that brought something starts
the count anew, so that a poor link that brings a little each time arrives.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from jetson_deploy.errors import InterruptedRunError, JetsonDeployError, NetworkError
from jetson_deploy.events import Note, Reporter
from jetson_deploy.names import Named
from jetson_deploy.store.interrupt import check_stop
from jetson_deploy.store.manifest import Blob
from jetson_deploy.store.meter import Meter
from jetson_deploy.store.rate import RateLimit
from jetson_deploy.store.remote.errors import PassingError, WrongContent, corrupt
from jetson_deploy.store.remote.retry import TRIES, pause_seconds
from jetson_deploy.store.transfer.pace import Pace
from jetson_deploy.store.transfer.source import RangesRefused, Source
from jetson_deploy.store.transfer.work import Task, Work

GAINED_BYTES = 64 << 10
"""A try that brought so much is no failure in a row."""
_POLL_SECONDS = 0.2


class Fetcher:
    """Shared by all connections."""

    def __init__(
        self,
        name: Named,
        work: Work,
        meter: Meter,
        pace: Pace,
        *,
        report: Reporter,
        stop: threading.Event,
        sleep: Callable[[float], object],
    ) -> None:
        self._name, self._work, self._meter, self._pace = name, work, meter, pace
        self._report, self._stop, self._sleep = report, stop, sleep
        self._limit = RateLimit(pace.bytes_per_second, sleep=stop.wait)
        self.received = 0
        """Bytes that came, also those that turned out wrong."""
        self._tries, self._received_at_failure = 0, 0

    def run(self, worker: int) -> None:
        """Until nothing is left. Raises JetsonDeployError, OSError (the disk's)."""
        while (task := self._work.claim(worker)) is not None:
            source = self._work.sources.best(task.job.blob)
            try:
                self._stream(task, source)
            except RangesRefused:
                pass  # the next claim is for the whole blob
            except InterruptedRunError:
                raise
            except (PassingError, WrongContent, JetsonDeployError) as failure:
                self._failed(task, source, failure)
            finally:
                self._work.release(task)

    def _stream(self, task: Task, source: Source) -> None:
        blob, at = task.job.blob, task.start
        mirrored = source is not self._work.sources.origin
        task.job.part.open()
        with source.stream(blob, task.start, task.end) as pieces:
            for piece in pieces:
                self._limit.take(len(piece))
                self._wait_for_checkpoint()
                check_stop(self._stop)
                task.job.part.write(at, piece, mirrored=mirrored)
                at += len(piece)
                self._count(len(piece))
        if at < task.end and at == task.start:
            raise PassingError(_ended_early(source, blob))

    def _count(self, count: int) -> None:
        with self._work.changed:
            self.received += count
            self._meter.advance(count)
            self._work.changed.notify_all()

    @property
    def most_unsafe_bytes(self) -> int:
        """Written and not yet safe: one checkpoint per connection."""
        return self._pace.checkpoint_bytes * self._work.connections

    def _wait_for_checkpoint(self) -> None:
        """A slow disk holds the network back, so that a kill never costs more than was promised."""
        while self._work.unsafe_bytes() >= self.most_unsafe_bytes and not self._work.over:
            with self._work.changed:
                self._work.changed.wait(_POLL_SECONDS)

    def _failed(self, task: Task, source: Source, failure: Exception) -> None:
        if source is not self._work.sources.origin:
            self._drop(source, task.job.blob, failure)
        elif isinstance(failure, WrongContent):
            self._wrong(task, str(failure))
        elif isinstance(failure, PassingError):
            self._passing(task, failure)
        else:
            raise failure

    def _drop(self, mirror: Source, blob: Blob, failure: Exception) -> None:
        lacks_it = isinstance(failure, NetworkError) and failure.code == "blob-not-found-in-registry"
        if self._work.sources.drop(mirror, blob if lacks_it else None):
            self._report(Note(level="warning", text=f"dropping mirror {mirror.address}: {failure}"))

    def _wrong(self, task: Task, why: str) -> None:
        job = task.job
        with self._work.changed:
            job.wrong += 1
            wrong = job.wrong
        error = corrupt(self._name, f"blob {job.blob.digest}", self._work.sources.origin.address, wrong, why)
        if wrong >= self._work.wrong_tries:
            raise error
        self._pause(
            f"{error.message}; trying again ({wrong + 1} of {self._work.wrong_tries})", pause_seconds(wrong, None)
        )

    def _passing(self, task: Task, failure: PassingError) -> None:
        with self._work.changed:
            if task.episode != self._work.episode:
                return  # another connection has reported the same outage
            self._work.episode += 1
            gained = self.received - self._received_at_failure >= GAINED_BYTES
            self._tries = 1 if gained else self._tries + 1
            self._received_at_failure = self.received
            tries = self._tries
        if tries >= TRIES:
            raise failure.error
        text = f"{failure.error.message}; trying again ({tries + 1} of {TRIES})"
        self._pause(text, pause_seconds(tries, failure.retry_after))

    def _pause(self, text: str, seconds: float) -> None:
        """For all connections."""
        self._report(Note(level="warning", text=text))
        with self._work.changed:
            self._work.pausing = True
        try:
            self._sleep(seconds)
        finally:
            with self._work.changed:
                self._work.pausing = False
                self._work.changed.notify_all()


def _ended_early(source: Source, blob: Blob) -> NetworkError:
    return NetworkError(
        f"{source.address} sends {blob.digest} only in part",
        hint="run the same command again to resume; downloaded data is kept",
        code="fetch-interrupted",
    )
