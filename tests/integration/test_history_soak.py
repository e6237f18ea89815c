"""24 hours at 1 Hz under a fake clock: neither the file nor the process grows without end."""

from __future__ import annotations

import gc
import math
import tracemalloc
from pathlib import Path

import pytest

from jetson_deploy.monitor.history.default import Kept
from jetson_deploy.monitor.history.opening import open_history
from jetson_deploy.monitor.history.recorder import Recorder
from jetson_deploy.monitor.history.retention import LOG_BYTES
from jetson_deploy.monitor.monitor import Latest
from jetson_deploy.monitor.sample import Sample

pytestmark = pytest.mark.integration
_START, _DAY, _HALF_MINUTE = 1_800_000_000, 86_400, 30
_NAMES = [f"temperature_celsius.zone-{n}" for n in range(40)]


def values(sample: Sample) -> dict[str, float]:
    """As sensors move, without what chance costs."""
    turn = sample.monotonic
    found = {name: 50 + round(32 * math.sin(turn / (n + 3))) / 32 for n, name in enumerate(_NAMES)}
    found[f"llm_last_tokens_per_second.model-{int(turn) // 3600 % 5}.decode"] = 7.5
    return found


def test_a_day_of_samples_leaves_database_and_memory_within_bounds(tmp_path: Path) -> None:
    path, most = tmp_path / "history.sqlite3", LOG_BYTES + (3 << 20)
    second, said = 0, list[str]()
    recorder = Recorder(path, now=lambda: _START + second, kept=Kept(most_bytes=most), say=said.append, read=values)
    largest, held = 0, list[int]()
    gc.collect()
    while second < _DAY:
        for _ in range(_HALF_MINUTE):
            recorder.receive(Latest(sample=Sample(at=_START + second, monotonic=float(second))))
            second += 1
        assert recorder.flush()
        largest = max(largest, sum(file.stat().st_size for file in tmp_path.iterdir()))
        if second == 2 * 3600:
            tracemalloc.start()
        if second % 3600 == 0 and tracemalloc.is_tracing():
            gc.collect()
            held.append(tracemalloc.get_traced_memory()[0])
            if second >= 4 * 3600:
                tracemalloc.stop()
    recorder.close()
    assert (said, recorder.lost) == ([], 0)
    assert largest <= most
    assert held[-1] - held[0] < 256 << 10, held
    with open_history(path) as history:
        samples, minutes, _ = history.totals()
        newest = list(history.minutes([_NAMES[0]]))[-1]
    assert 3600 < samples < _DAY and minutes >= _DAY // 60 - 12, "the oldest raw samples went, the minutes stayed"
    assert newest.at // 1000 == _START + _DAY - 60
