"""How many tokens of a prompt are computed at once."""

from __future__ import annotations

LEAST = 128
"""Smaller ones double the time of a prompt (measured)."""
USUAL = 512
_MOST = 2048
"""Its own default."""
_SECONDS = 2.0
"""That a client may be held up by another who left: the batch is computed to its end."""


def batch_tokens(prefill_tokens_per_second: float | None) -> int:
    """A power of two: what the board computes in two seconds. None: its speed is not known."""
    if prefill_tokens_per_second is None:
        return USUAL
    batch = LEAST
    while batch < _MOST and 2 * batch <= prefill_tokens_per_second * _SECONDS:
        batch *= 2
    return batch
