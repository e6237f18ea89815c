"""Where Ollama leaves flash attention off by itself, and what follows from it."""

from __future__ import annotations

_WITHOUT = ("7.2",)
"""Xavier (ml/device.go, up to 0.32.15). A variable that is set overrides it, and the runner died (ollama#12442)."""


def has_flash_attention(compute_capability: str | None) -> bool:
    return compute_capability not in _WITHOUT
