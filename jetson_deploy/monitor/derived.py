"""Rates between two samples of one run of the monitor, the older one first.

None: unknown, or a counter went back (the server or the monitor restarted, the board booted): a rate over that would be
a lie.
"""

from __future__ import annotations

from collections.abc import Callable

from jetson_deploy.monitor.model_parts import Model
from jetson_deploy.monitor.sample import Sample


def decode_rate(before: Sample, now: Sample, model: str) -> float | None:
    """Tokens per second while this model made tokens: waiting and reading of prompts are not in it. None also when it
    made none in between."""
    old, new = _counted(before, model), _counted(now, model)
    if old is None or new is None:
        return None
    tokens = _rise(old.decode_tokens, new.decode_tokens)
    seconds = _rise(old.decode_seconds, new.decode_seconds)
    return tokens / seconds if tokens and seconds else None


def decode_rate_of_all(before: Sample, now: Sample) -> float | None:
    """As `decode_rate`, of all models together."""
    rates = [decode_rate(before, now, model.name) for model in now.llm.models]
    known = [rate for rate in rates if rate is not None]
    return sum(known) if known else None


def joules_per_token(before: Sample, now: Sample) -> float | None:
    """Energy of the whole board by tokens made, of all models: idle time and prompts are in it. None also when no token
    was made in between."""
    joules = _rise(before.energy_joules, now.energy_joules)
    tokens = _decoded(before, now)
    return joules / tokens if joules is not None and tokens else None


def rate(before: Sample, now: Sample, counter: Callable[[Sample], float | None]) -> float | None:
    """Per second, of a counter that begins anew with a boot."""
    seconds = now.monotonic - before.monotonic
    rise = _rise(counter(before), counter(now))
    return rise / seconds if rise is not None and seconds > 0 and _one_boot(before, now) else None


def swap_rate(before: Sample, now: Sample) -> float | None:
    """Pages per second, in and out together."""
    came = rate(before, now, lambda s: s.board.paging.swapped_in_pages)
    went = rate(before, now, lambda s: s.board.paging.swapped_out_pages)
    return None if came is None or went is None else came + went


def over_current_rate(before: Sample, now: Sample, line: str) -> float | None:
    """Events per second of `oc1`, `oc2` or `oc3`."""
    return rate(before, now, lambda s: next((one.count for one in s.board.over_currents if one.line == line), None))


def traffic_rate(before: Sample, now: Sample, name: str) -> tuple[float, float] | None:
    """Bytes per second in and out, of a network interface or a disk."""
    into = rate(before, now, lambda s: next((one.in_bytes for one in s.board.traffic if one.name == name), None))
    out = rate(before, now, lambda s: next((one.out_bytes for one in s.board.traffic if one.name == name), None))
    return None if into is None or out is None else (into, out)


def _rise(before: float | None, now: float | None) -> float | None:
    return None if before is None or now is None or now < before else now - before


def _one_boot(before: Sample, now: Sample) -> bool:
    """False only where it is known: boards without a boot id tell by their uptime."""
    old, new = before.board, now.board
    if old.boot_id is not None and new.boot_id is not None:
        return old.boot_id == new.boot_id
    return old.uptime_seconds is None or new.uptime_seconds is None or old.uptime_seconds <= new.uptime_seconds


def _counts(sample: Sample) -> bool:
    return sample.llm.server is not None and sample.llm.server.tokens_from is not None


def _counted(sample: Sample, name: str) -> Model | None:
    """A model that is not there yet has made no token; None: tokens are counted nowhere."""
    if not _counts(sample):
        return None
    return next((one for one in sample.llm.models if one.name == name), Model(name=name))


def _decoded(before: Sample, now: Sample) -> float | None:
    if not (_counts(before) and _counts(now)):
        return None
    old = {one.name: one.decode_tokens for one in before.llm.models}
    new = {one.name: one.decode_tokens for one in now.llm.models}
    if old.keys() - new.keys():
        return None  # what it made before it went is not in the later sample
    rises = [_rise(old.get(name, 0), count) for name, count in new.items()]
    known = [rise for rise in rises if rise is not None]
    return sum(known) if len(known) == len(rises) else None


NO_ANSWER_YET = "no answer yet"
"""Of an engine that is still at its first answer."""


def model_side_looked_at(sample: Sample) -> bool:
    return all(one.why != NO_ANSWER_YET for one in sample.failures)


def model_side_unseen(sample: Sample) -> str | None:
    """Why alerts of container, server and model are not known; None: they are."""
    if away := next((one.why for one in sample.failures if one.source == "engine"), None):
        return f"the engine cannot be asked: {away}"
    return "no deployment and no server is seen" if sample.llm.server is None else None
