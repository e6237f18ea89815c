"""Decode speed as a range: bytes read per token / what the memory gives in the power mode, and a constant per token."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from jetson_deploy.catalog.entries import Board, Clocks, Constant
from jetson_deploy.deployment.plan import Speed
from jetson_deploy.facts import PowerFacts

SHORT_TALK_TOKENS = 1024
"""Of its KV cache a short talk reads so much for each token."""
_WHOLE = (1.0, 1.0)


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """What a board reads of its memory in its power mode."""

    bytes_per_second: float
    """That a kernel could read at most: the bandwidth, less what slower clocks take of it."""
    least_bytes_per_second: float | None
    """If every clock that the mode lowers counted in full; None: those clocks are not known."""


def pace_of(
    board: Board | None, super_mode: bool | None, power: PowerFacts, limits: Mapping[str, Constant]
) -> Pace | None:
    """None without a board. A mode that is unknown is taken for the highest in the prediction, for the lowest as a
    limit."""
    if board is None:
        return None
    bandwidth = board.bandwidth_gbs.default
    if super_mode and board.bandwidth_gbs.super:
        bandwidth = board.bandwidth_gbs.super
    whole = bandwidth * 1e9 * (sum(board.speed_factor) / 2 if board.speed_factor else 1)
    now, lowest = _shares(board, power)
    return Pace(
        bytes_per_second=whole * _reached(now, limits["gpu_clock_exponent"].value),
        least_bytes_per_second=None if lowest is None else whole * lowest,
    )


def mode_counts(board: Board | None, power: PowerFacts) -> bool:
    """Whether the prediction is one for a mode below the highest: its clocks are on record."""
    return board is not None and _clocks(board, power.mode) is not None


def predict(pace: Pace | None, bytes_per_token: float | None, limits: Mapping[str, Constant]) -> Speed | None:
    """The range that Ollama and llama.cpp reach on Jetsons, as published."""
    if pace is None or not bytes_per_token:
        return None
    low, high = (
        _rate(bytes_per_token / pace.bytes_per_second / limits[efficiency].value, limits)
        for efficiency in ("efficiency_low", "efficiency_high")
    )
    return Speed(low=round(low, 1), high=round(high, 1))


def gpu_floor(pace: Pace | None, bytes_per_token: float | None, limits: Mapping[str, Constant]) -> float | None:
    """Slower than this the model is most likely on the CPU. None: the power mode may explain any speed."""
    if pace is None or not pace.least_bytes_per_second or not bytes_per_token:
        return None
    seconds = bytes_per_token / pace.least_bytes_per_second / limits["cpu_suspicion_share"].value
    return round(_rate(seconds, limits), 2)


def _rate(reading_seconds: float, limits: Mapping[str, Constant]) -> float:
    return 1 / (reading_seconds + limits["token_overhead_ms"].value / 1000)


def _shares(board: Board, power: PowerFacts) -> tuple[tuple[float, float], float | None]:
    """(GPU, memory) of the mode as shares of the highest mode's; and the lowest of all that may hold."""
    highest = _clocks(board, power.ceiling) or _highest(board)
    if power.mode is None:
        shares = [_share(clocks, highest) for clocks in board.clocks.values()] if highest else []
        return _WHOLE, min((min(share) for share in shares), default=None)
    if power.at_ceiling is not False:
        return _WHOLE, 1.0
    clocks = _clocks(board, power.mode)
    if clocks is None or highest is None:
        return _WHOLE, None
    share = _share(clocks, highest)
    return share, min(share)


def _share(clocks: Clocks, highest: Clocks) -> tuple[float, float]:
    return min(1.0, clocks.gpu_mhz / highest.gpu_mhz), min(1.0, clocks.emc_mhz / highest.emc_mhz)


def _reached(share: tuple[float, float], exponent: float) -> float:
    """A GPU that is slowed down more than the memory asks for less than the memory could give."""
    gpu, memory = share
    return memory * float(min(1.0, gpu / memory) ** exponent)


def _clocks(board: Board, mode: str | None) -> Clocks | None:
    return board.clocks.get(mode.removeprefix("MODE_")) if mode else None


def _highest(board: Board) -> Clocks | None:
    return max(board.clocks.values(), key=lambda c: (c.emc_mhz, c.gpu_mhz), default=None)
