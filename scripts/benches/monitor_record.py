"""What `monitor record` writes to the disk in a day, measured over a simulated hour of a captured board."""

from __future__ import annotations

import math
import random
import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from benches.workplace import REPOSITORY
from jetson_deploy.monitor.history.recorder import Recorder
from jetson_deploy.monitor.history.schema import connect
from jetson_deploy.monitor.monitor import Latest
from jetson_deploy.monitor.sample import Sample

_SECONDS = 3600
_START = 1_800_000_000.0
_SERIES = 40


class Recorded(NamedTuple):
    written: float
    """Bytes a day that the kernel counts for this process (/proc/self/io): database, log and journal."""
    kept: float
    """Bytes of the database for one sample of 40 series, minutes with it."""
    hear_seconds: float
    """Mean time that the monitor's loop is held up by a sample."""


def bytes_per_day(period: float) -> float:
    """Written to the disk, with a sample every `period` seconds."""
    return recorded(period).written


def recorded(period: float, opened: Callable[[Path], sqlite3.Connection] = connect) -> Recorded:
    """Beside the repository: a tmpfs would count nothing."""
    with tempfile.TemporaryDirectory(dir=REPOSITORY, prefix=".bench-") as directory:
        path = Path(directory) / "history.sqlite3"
        clock, count, spent = 0.0, 0, 0.0
        recorder = Recorder(path, now=lambda: _START + clock, read=_Board().read, opened=opened)
        before = _written()
        while clock < _SECONDS:
            latest = Latest(sample=Sample(at=_START + clock, monotonic=clock))
            began = time.perf_counter()
            recorder.receive(latest)
            spent += time.perf_counter() - began
            count += 1
            clock += period
            if int(clock / 30) != int((clock - period) / 30):
                recorder.flush()
        recorder.close()
        written = _written() - before
        return Recorded(written * 86_400 / _SECONDS, path.stat().st_size / count, spent / count)


def with_journal(path: Path) -> sqlite3.Connection:
    """For comparison: a rollback journal instead of the write-ahead log."""
    connection = connect(path)
    connection.execute("PRAGMA journal_mode=TRUNCATE").fetchall()
    return connection


class _Board:
    """Forty series that move as those of an Orin Nano that serves: sensors with steps, loads without."""

    def __init__(self) -> None:
        self._chance, self._looks = random.Random(1), 0
        self._celsius = [45.0 + number for number in range(15)]

    def read(self, _: Sample) -> dict[str, float]:
        chance, looks = self._chance, self._looks
        self._looks += 1
        self._celsius = [value + chance.gauss(0, 0.15) for value in self._celsius]
        busy = math.sin(looks / 300) > 0
        found = {f"temperature_celsius.zone-{n}": round(value * 32) / 32 for n, value in enumerate(self._celsius)}
        found |= {f"cpu_frequency_hertz.{n}": chance.choice((729.6e6, 1.51e9, 1.728e9)) for n in range(6)}
        found |= {
            f"power_watts.rail-{n}": round((4 + n + 3 * busy + chance.gauss(0, 0.2)) * 200) / 200 for n in range(4)
        }
        found |= {f"pressure_ratio.resource-{n}": round(abs(chance.gauss(0, 0.004)), 4) for n in range(4)}
        found |= {"gpu_load_ratio.gpu": chance.random() * busy, "cpu_load_mean_ratio": chance.random()}
        found |= {"memory_used_bytes": 4e9 + chance.randrange(250) * 4096, "memory_available_bytes": 3e9}
        return found | {f"steady.{n}": float(n) for n in range(_SERIES - len(found))}


def _written() -> int:
    lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes"))


def main() -> None:
    print("| recorded, 40 series | written a day | kept for a sample | held up for a sample |")
    print("| --- | --- | --- | --- |")
    for label, period, opened in (
        ("every 1 s", 1.0, connect),
        ("every 5 s", 5.0, connect),
        ("every 5 s, with a rollback journal", 5.0, with_journal),
    ):
        found = recorded(period, opened)
        times = f"{found.kept:.0f} B | {found.hear_seconds * 1e6:.0f} µs"
        print(f"| {label} | {found.written / 1e6:.1f} MB | {times} |")


if __name__ == "__main__":
    main()
