"""Decode speed as a range: memory bandwidth / bytes read per token x the efficiency seen in the field."""

from __future__ import annotations

from collections.abc import Mapping

from jetson_deploy.catalog.entries import Board, Constant, ModelSize
from jetson_deploy.deployment.plan import Speed


def roofline(board: Board | None, super_mode: bool | None, size: ModelSize) -> float | None:
    """Tokens per second that the memory bandwidth allows at most. None without board or tensor sizes."""
    if board is None or not size.gpu_weight_bytes:
        return None
    bandwidth = board.bandwidth_gbs.default
    if super_mode and board.bandwidth_gbs.super:
        bandwidth = board.bandwidth_gbs.super
    return bandwidth * 1e9 / size.gpu_weight_bytes


def predict(limit: float | None, limits: Mapping[str, Constant]) -> Speed | None:
    """The range that Ollama reaches on Jetsons, as published (`efficiency_low`, `efficiency_high`)."""
    if limit is None:
        return None
    low, high = limits["efficiency_low"].value, limits["efficiency_high"].value
    return Speed(low=round(limit * low, 1), high=round(limit * high, 1))
