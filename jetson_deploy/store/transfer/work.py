"""Ranges of a model still to be fetched, and their connections: the state that the threads of one transfer share."""

from __future__ import annotations

import threading
from typing import NamedTuple

from jetson_deploy.store.manifest import Blob
from jetson_deploy.store.transfer.part import Part
from jetson_deploy.store.transfer.ranges import Ranges
from jetson_deploy.store.transfer.source import Sources

_POLL_SECONDS = 0.2


class Job:
    """One blob that is being fetched."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.claimed = Ranges()
        """What threads are fetching at this moment."""
        self.wrong = 0
        """Tries in which the origin's bytes were not the promised ones."""
        self.finished = False

    @property
    def blob(self) -> Blob:
        return self.part.blob


class Task(NamedTuple):
    """One range that one thread fetches."""

    job: Job
    start: int
    end: int
    episode: int
    """Of `Work.episode` when it began: failures that began before the last pause count as one."""


class Work:
    """All methods are thread-safe; `changed` is notified whenever a waiting thread may go on."""

    def __init__(self, jobs: list[Job], sources: Sources, wrong_tries: int) -> None:
        self.jobs, self.sources, self.wrong_tries = jobs, sources, wrong_tries
        self.changed = threading.Condition(threading.RLock())
        self.error: BaseException | None = None
        self.episode = 0
        self.pausing = False
        self.connections = 1
        self.chunk_bytes = 0

    @property
    def over(self) -> bool:
        return self.error is not None or all(job.finished for job in self.jobs)

    def fail(self, error: BaseException) -> None:
        """The first error is the one that is reported; every thread ends."""
        with self.changed:
            self.error = self.error or error
            self.changed.notify_all()

    def wait(self, seconds: float) -> None:
        """Until something changed, or so long."""
        with self.changed:
            if not self.over:
                self.changed.wait(seconds)

    def wake(self) -> None:
        with self.changed:
            self.changed.notify_all()

    def claim(self, worker: int) -> Task | None:
        """The next range for this worker, in order; waits while there is none. None: the transfer is over."""
        with self.changed:
            while not self.over:
                if not self.pausing and worker < self.connections and (task := self._next()) is not None:
                    task.job.claimed.add(task.start, task.end)
                    return task
                self.changed.wait(_POLL_SECONDS)
        return None

    def _next(self) -> Task | None:
        for job in self.jobs:
            if job.finished:
                continue
            taken = Ranges([*job.part.here(), *job.claimed])
            for start, end in taken.gaps(job.blob.size):
                if self.sources.best(job.blob).takes_ranges:
                    return Task(job, start, min(end, start + self.chunk_bytes), self.episode)
                # The whole in one piece, and by one alone: whatever is here already is read over.
                return None if job.claimed else Task(job, start, job.blob.size, self.episode)
        return None

    def release(self, task: Task) -> None:
        with self.changed:
            task.job.claimed.remove(task.start, task.end)
            self.changed.notify_all()

    def unsafe_bytes(self) -> int:
        return sum(job.part.unsafe_bytes for job in self.jobs if not job.finished)
