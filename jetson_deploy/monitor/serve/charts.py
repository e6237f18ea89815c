"""What the page draws: a fixed choice of series, each with at most one value for each sample."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from jetson_deploy.monitor.derived import decode_rate
from jetson_deploy.monitor.metric_readers import loaded, mean_load
from jetson_deploy.monitor.sample import Sample, Zone
from jetson_deploy.monitor.thermal import headroom


class Columns(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="jetson-deploy.monitor-recent/1"):
    """`time`: wall clock, rising; every column has as many values, None where one is unknown."""

    time: list[float]
    columns: dict[str, list[float | None]]


def columns(recent: Sequence[Sample], since: float = float("-inf")) -> Columns:
    """Of the samples after `since`; what was sampled before the clock was set back is left out."""
    kept = rising(recent)
    new = [number for number, sample in enumerate(kept) if sample.at > since]
    drawn = {name: [read(kept[number]) for number in new] for name, read in _DRAWN.items()}
    drawn["tokens_per_second"] = [tokens_per_second(kept[n - 1] if n else None, kept[n]) for n in new]
    return Columns(time=[kept[number].at for number in new], columns=drawn)


def rising(recent: Sequence[Sample]) -> list[Sample]:
    """The newest samples whose wall clock only rises."""
    kept: list[Sample] = []
    for sample in recent:
        if kept and sample.at <= kept[-1].at:
            kept = [one for one in kept if one.at < sample.at]
        kept.append(sample)
    return kept


def hottest(sample: Sample) -> Zone | None:
    known = [zone for zone in sample.board.zones if zone.celsius is not None]
    return max(known, key=lambda zone: zone.celsius or 0.0, default=None)


def nearest(sample: Sample) -> tuple[Zone, float] | None:
    """The zone with the fewest degrees left before heat takes clocks away, and those degrees."""
    known = [(zone, left) for zone in sample.board.zones if (left := headroom(zone)) is not None]
    return min(known, key=lambda pair: pair[1], default=None)


def tokens_per_second(before: Sample | None, now: Sample) -> float | None:
    """Of decoding, all models together; None: no token came in between, or they are not counted."""
    if before is None:
        return None
    rates = [decode_rate(before, now, model.name) for model in now.llm.models]
    known = [rate for rate in rates if rate is not None]
    return sum(known) if known else None


def model_bytes(sample: Sample) -> int | None:
    """What the loaded models take of the memory, as the server reckons."""
    sizes = [model.size_bytes for model in loaded(sample) if model.size_bytes is not None]
    return sum(sizes) if sizes else None


def _gpu_load(sample: Sample) -> float | None:
    """Of the busiest GPU: Thor's devfreq lists its codecs beside it."""
    return max((gpu.load for gpu in sample.board.gpus if gpu.load is not None), default=None)


def _hottest_celsius(sample: Sample) -> float | None:
    zone = hottest(sample)
    return zone.celsius if zone else None


def _headroom(sample: Sample) -> float | None:
    found = nearest(sample)
    return found[1] if found else None


_DRAWN: dict[str, Callable[[Sample], float | None]] = {
    "power_watts": lambda s: s.board.power.watts if s.board.power else None,
    "hottest_celsius": _hottest_celsius,
    "headroom_celsius": _headroom,
    "gpu_load_ratio": _gpu_load,
    "cpu_load_ratio": mean_load,
    "memory_used_bytes": lambda s: s.board.memory.used_bytes,
    "model_bytes": model_bytes,
    "requests_in_flight": lambda s: s.llm.server.in_flight if s.llm.server else None,
    "requests_queued": lambda s: s.llm.server.queued if s.llm.server else None,
}
