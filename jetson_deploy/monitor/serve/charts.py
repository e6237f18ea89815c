"""Charts of the page: a fixed choice of series, each with at most one value for each sample."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from jetson_deploy.monitor.derived import decode_rate_of_all
from jetson_deploy.monitor.metric_readers import busiest_gpu, mean_load, model_bytes
from jetson_deploy.monitor.sample import Sample
from jetson_deploy.monitor.thermal import headroom, nearest, warmest


class Columns(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="jetson-deploy.monitor-recent/1"):
    """`time`: wall clock, rising; every column has as many values, None where one is unknown."""

    time: list[float]
    columns: dict[str, list[float | None]]


def columns(recent: Sequence[Sample], since: float = float("-inf")) -> Columns:
    """Of the samples after `since`; what was sampled before the clock was set back is left out."""
    kept = rising(recent)
    new = [number for number, sample in enumerate(kept) if sample.at > since]
    drawn = {name: [read(kept[number]) for number in new] for name, read in _DRAWN.items()}
    drawn["tokens_per_second"] = [decode_rate_of_all(kept[n - 1], kept[n]) if n else None for n in new]
    return Columns(time=[kept[number].at for number in new], columns=drawn)


def rising(recent: Sequence[Sample]) -> list[Sample]:
    """The newest samples whose wall clock only rises."""
    kept: list[Sample] = []
    for sample in recent:
        if kept and sample.at <= kept[-1].at:
            kept = [one for one in kept if one.at < sample.at]
        kept.append(sample)
    return kept


def _warmest_celsius(sample: Sample) -> float | None:
    zone = warmest(sample.board)
    return zone.celsius if zone else None


def _headroom(sample: Sample) -> float | None:
    zone = nearest(sample.board)
    return headroom(zone) if zone else None


_DRAWN: dict[str, Callable[[Sample], float | None]] = {
    "power_watts": lambda s: s.board.power.watts if s.board.power else None,
    "hottest_celsius": _warmest_celsius,
    "headroom_celsius": _headroom,
    "gpu_load_ratio": busiest_gpu,
    "cpu_load_ratio": mean_load,
    "memory_used_bytes": lambda s: s.board.memory.used_bytes,
    "model_bytes": model_bytes,
    "requests_in_flight": lambda s: s.llm.server.in_flight if s.llm.server else None,
    "requests_queued": lambda s: s.llm.server.queued if s.llm.server else None,
}
