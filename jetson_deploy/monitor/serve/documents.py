"""The JSON documents of the page and of whoever else asks."""

from __future__ import annotations

from typing import Any

import msgspec

from jetson_deploy import __version__
from jetson_deploy.monitor.alerts.firing import Firing
from jetson_deploy.monitor.derived import decode_rate, joules_per_token
from jetson_deploy.monitor.metric_readers import model_bytes
from jetson_deploy.monitor.monitor import Monitor
from jetson_deploy.monitor.sample import Sample
from jetson_deploy.monitor.serve.age import age_of
from jetson_deploy.monitor.serve.charts import columns
from jetson_deploy.monitor.thermal import headroom, nearest, warmest

_LATELY = 60
"""Samples over which joules per token are reckoned."""


class Derived(msgspec.Struct, frozen=True, kw_only=True):
    """What follows from the samples, reckoned here once so that the page has nothing to reckon."""

    hottest_zone: str | None = None
    hottest_celsius: float | None = None
    nearest_zone: str | None = None
    headroom_celsius: float | None = None
    """Degrees left before thermal throttling begins, in the nearest zone."""
    memory_used_bytes: int | None = None
    model_bytes: int | None = None
    joules_per_token: float | None = None
    """Of the whole board and all models, over the last 60 samples: idle time is in it."""
    lately_decoding: tuple[str, ...] = ()
    """Models that made tokens in these samples."""


class SampleDocument(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="jetson-deploy.monitor-sample/1"
):
    version: str
    period_seconds: float
    age_seconds: float | None
    stale: bool
    status: str
    """One line, as /healthz has it."""
    sample: Sample | None
    firing: tuple[Firing, ...] = ()
    derived: Derived = Derived()


def sample_document(monitor: Monitor, now: float) -> bytes:
    """`now` by time.monotonic."""
    age, latest = age_of(monitor, now), monitor.latest
    return encoded(
        SampleDocument(
            version=__version__,
            period_seconds=monitor.period,
            age_seconds=age.seconds,
            stale=age.stale,
            status=age.text,
            sample=latest.sample if latest else None,
            firing=latest.firing if latest else (),
            derived=derived(latest.sample, recent_samples(monitor)) if latest else Derived(),
        )
    )


def recent_document(monitor: Monitor, since: float) -> bytes:
    """Only what came after `since`, wall clock."""
    return encoded(columns(recent_samples(monitor), since))


def recent_samples(monitor: Monitor) -> list[Sample]:
    """A copy. The loop's thread may append while it is made, which a deque does not forgive."""
    while True:
        try:
            return list(monitor.recent)
        except RuntimeError:
            continue


def derived(sample: Sample, recent: list[Sample]) -> Derived:
    hot, near = warmest(sample.board), nearest(sample.board)
    before = recent[-_LATELY] if len(recent) >= _LATELY else recent[0] if recent else sample
    return Derived(
        hottest_zone=hot.name if hot else None,
        hottest_celsius=hot.celsius if hot else None,
        nearest_zone=near.name if near else None,
        headroom_celsius=headroom(near) if near else None,
        memory_used_bytes=sample.board.memory.used_bytes,
        model_bytes=model_bytes(sample),
        joules_per_token=joules_per_token(before, sample),
        lately_decoding=tuple(m.name for m in sample.llm.models if decode_rate(before, sample, m.name) is not None),
    )


def encoded(document: Any) -> bytes:
    try:
        return msgspec.json.encode(document)
    except UnicodeEncodeError:  # a lone surrogate in a name that came damaged
        return msgspec.json.encode(_clean(msgspec.to_builtins(document)))


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_clean(key): _clean(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(one) for one in value]
    return value
