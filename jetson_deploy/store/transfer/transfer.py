"""Missing blobs from their sources into the store: several connections, hashed meanwhile, safe at every checkpoint.

Threads: connections that fetch ranges (`fetching`), as many as pay (`pace`); one that hashes right behind them
(`hasher`); one that makes safe what was written and says so in the journals (`part`).
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from functools import partial

from jetson_deploy.events import Note, Reporter
from jetson_deploy.names import Named
from jetson_deploy.store.interrupt import Ending, check_stop
from jetson_deploy.store.manifest import Blob
from jetson_deploy.store.meter import Meter
from jetson_deploy.store.remote.retry import WRONG_TRIES, pause_seconds
from jetson_deploy.store.transfer.fetching import Fetcher
from jetson_deploy.store.transfer.hasher import Hasher
from jetson_deploy.store.transfer.pace import SAMPLE_SECONDS, Climb, Pace
from jetson_deploy.store.transfer.part import Part
from jetson_deploy.store.transfer.ranges import Range
from jetson_deploy.store.transfer.source import Sources
from jetson_deploy.store.transfer.work import Job, Work

CHECKPOINT_SECONDS = 10.0
"""On a slow line a checkpoint is taken after so long, however little came."""
_POLL_SECONDS = 0.1


class Transfer:
    """One run over the missing blobs of one model. The store's lock is held by the caller."""

    def __init__(
        self,
        name: Named,
        parts: list[Part],
        sources: Sources,
        meter: Meter,
        *,
        report: Reporter,
        ending: Ending,
        pace: Pace,
        on_finished: Callable[[Blob], None],
        sleep: Callable[[float], object] | None = None,
        wrong_tries: int = WRONG_TRIES,
    ) -> None:
        self._meter, self._report, self._ending, self._pace = meter, report, ending, pace
        # Waiting on the event ends with it: Ctrl-C does not wait for a pause.
        self._sleep = sleep or ending.wait
        self._work = Work([Job(part) for part in parts], sources, wrong_tries)
        self._fetcher = Fetcher(name, self._work, meter, pace, report=report, stop=ending, sleep=self._sleep)
        self._hasher = Hasher(name, self._work, on_finished=on_finished, on_wrong=self._fetch_again)
        self._climb = Climb(pace.most_connections)
        self._threads: list[threading.Thread] = []

    def run(self) -> None:
        """Until every blob has its name. Raises JetsonDeployError, OSError; what arrived is then on record."""
        self._work.chunk_bytes = self._climb.chunk_bytes
        self._start("hash", self._hasher.run)
        self._start("checkpoint", self._keep_safe)
        try:
            self._watch()
        except BaseException as error:
            self._fail(error)
        finally:
            for thread in self._threads:
                thread.join()
            self._close()
        if self._work.error is not None:
            raise self._work.error

    def _start(self, what: str, act: Callable[[], None]) -> None:
        def guarded() -> None:
            try:
                act()
            except BaseException as error:
                self._fail(error)

        thread = threading.Thread(target=guarded, name=f"transfer-{what}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _fail(self, error: BaseException) -> None:
        """The first error ends the whole transfer, and the reads that wait for the network."""
        self._work.fail(error)
        self._ending.set()

    def _watch(self) -> None:
        """Start connections while they pay, until the work is over. Raises InterruptedRunError."""
        workers, sampled_at, seen = 0, time.monotonic(), 0
        while not self._work.over:
            for number in range(workers, self._work.connections):
                self._start(f"fetch-{number}", partial(self._fetcher.run, number))
            workers = max(workers, self._work.connections)
            self._work.wait(_POLL_SECONDS)
            check_stop(self._ending)
            elapsed = time.monotonic() - sampled_at
            if elapsed >= SAMPLE_SECONDS:
                self._adapt((self._fetcher.received - seen) / elapsed)
                sampled_at, seen = time.monotonic(), self._fetcher.received

    def _adapt(self, rate: float) -> None:
        if rate > 0:
            with self._work.changed:
                self._work.connections = self._climb.sample(rate)
                self._work.chunk_bytes = self._climb.chunk_bytes
                self._work.changed.notify_all()

    def _keep_safe(self) -> None:
        """Checkpoints in the background: half of what may be unsafe is made safe while the other half arrives."""
        taken_at = time.monotonic()
        while not self._work.over:
            self._work.wait(_POLL_SECONDS)
            due = self._work.unsafe_bytes() * 2 >= self._fetcher.most_unsafe_bytes
            if due or time.monotonic() - taken_at >= CHECKPOINT_SECONDS:
                for job in self._work.jobs:
                    job.part.checkpoint()
                taken_at = time.monotonic()
                self._work.wake()

    def _fetch_again(self, job: Job, ranges: list[Range], why: str) -> None:
        """Some bytes of a blob are doubted: they are missing again, after a pause when the origin sent them."""
        self._report(Note(level="warning", text=f"blob {job.blob.digest}: {why}"))
        with self._work.changed:
            self._meter.advance(-sum(end - start for start, end in ranges))
        if job.wrong:
            self._sleep(pause_seconds(job.wrong, None))
        job.part.forget(ranges)
        self._work.wake()

    def _close(self) -> None:
        """What is written is made safe, so that an interruption costs nothing. A disk that fails keeps what it has."""
        for job in self._work.jobs:
            if not job.finished:
                with contextlib.suppress(OSError):
                    job.part.checkpoint()
                job.part.close()
