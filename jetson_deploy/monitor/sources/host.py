"""psutil: what network and disks carried, and the largest processes. Of the machine that this runs on."""

from __future__ import annotations

import importlib
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

from jetson_deploy.monitor.board_parts import Process, Traffic
from jetson_deploy.monitor.sample import Board, SourceName
from jetson_deploy.monitor.sources.source import Source, SourceError

PROCESS_SECONDS = 5.0
"""Between two looks at all processes: one takes 10 ms for a hundred of them."""
LARGEST = 8
_NAME = 40
_NO_INTERFACE = re.compile(r"lo|(?:veth|docker|br-|virbr|cni|flannel|cali|ifb|dummy).*")
"""The loopback, and what containers come and go with: their bytes are counted at the real interface."""
_NO_DISK = re.compile(
    r"(?:loop|ram|zram|dm-|md|sr|fd)\d+|mmcblk\d+boot\d+|(?:mmcblk\d+|nvme\d+n\d+)p\d+|(?:s|h|v|xv)d[a-z]+\d+"
)
"""Partitions and layers over a disk: their bytes are counted at the disk itself."""
_FAILURES = (OSError, RuntimeError, NotImplementedError, ValueError)


def open_host(processes: bool) -> Source:
    """Raises SourceError when psutil is not installed."""
    try:
        psutil = importlib.import_module("psutil")
    except ImportError as error:
        raise SourceError("the Python package psutil is not installed") from error
    return HostSource(psutil, processes)


class HostSource:
    """`psutil` is the module, or what stands in for it in a test."""

    name: SourceName = "psutil"

    def __init__(self, psutil: Any, processes: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._psutil, self._clock = psutil, clock
        self._ranking = Ranking(psutil) if processes else None
        self._looked: float | None = None
        self._processes: tuple[Process, ...] | None = None

    def poll(self) -> None:
        """Nothing: these are counters."""

    def read(self) -> Board:
        now = self._clock()
        if self._ranking and (self._looked is None or now - self._looked >= PROCESS_SECONDS):
            self._looked, self._processes = now, self._ranking.look(now)
        return Board(traffic=(*self._network(), *self._disks()), processes=self._processes)

    def close(self) -> None:
        """Nothing is held."""

    def _network(self) -> Iterator[Traffic]:
        for name, counters in self._counters(lambda: self._psutil.net_io_counters(pernic=True)):
            if not _NO_INTERFACE.fullmatch(name):
                yield Traffic(name=name, kind="network", in_bytes=counters.bytes_recv, out_bytes=counters.bytes_sent)

    def _disks(self) -> Iterator[Traffic]:
        for name, counters in self._counters(lambda: self._psutil.disk_io_counters(perdisk=True)):
            if not _NO_DISK.fullmatch(name):
                yield Traffic(name=name, kind="disk", in_bytes=counters.read_bytes, out_bytes=counters.write_bytes)

    def _counters(self, read: Callable[[], Any]) -> list[tuple[str, Any]]:
        try:
            return sorted((read() or {}).items())
        except _FAILURES:
            return []


class Ranking:
    """The largest processes, by CPU since the last look and by resident memory."""

    def __init__(self, psutil: Any) -> None:
        self._psutil = psutil
        self._at: float | None = None
        self._seconds: dict[tuple[int, float], float] = {}
        """CPU seconds by pid and start: a pid may be given again."""

    def look(self, now: float) -> tuple[Process, ...] | None:
        """None: they cannot be seen. `cores` is None for those that were not there at the last look."""
        passed = None if self._at is None else now - self._at
        before, self._seconds, self._at = self._seconds, {}, now
        try:
            found = [one for one in self._each(before, passed) if one.resident_bytes or one.cores]
        except _FAILURES:
            return None
        busy = sorted((one for one in found if one.cores), key=lambda one: -(one.cores or 0))[: LARGEST // 2]
        large = sorted((one for one in found if one not in busy), key=lambda one: -(one.resident_bytes or 0))
        return tuple((busy + large)[:LARGEST])

    def _each(self, before: dict[tuple[int, float], float], passed: float | None) -> Iterator[Process]:
        for one in self._psutil.process_iter(["pid", "name", "cpu_times", "memory_info", "create_time"]):
            info = one.info  # None for what may not be read
            times, memory = info["cpu_times"], info["memory_info"]
            seconds = None if times is None else times.user + times.system
            key = (info["pid"], info["create_time"] or 0.0)
            cores = None
            if seconds is not None:
                self._seconds[key] = seconds
                if passed and key in before and seconds >= before[key]:
                    cores = round((seconds - before[key]) / passed, 4)
            yield Process(
                pid=info["pid"],
                name=shown_name(info["name"], info["pid"]),
                cores=cores,
                resident_bytes=None if memory is None else memory.rss,
            )


def shown_name(name: str | None, pid: int) -> str:
    """Cut, and without what moves a terminal's cursor: a process may call itself anything."""
    return "".join(c if c.isprintable() else "?" for c in (name or "").strip())[:_NAME] or f"pid {pid}"
