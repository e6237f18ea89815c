"""Bytes of memory and disks in a sentence."""

from __future__ import annotations


def size_text(count: float | None, *, unknown: str = "unknown") -> str:
    """GiB from one on, else MiB."""
    if count is None:
        return unknown
    return f"{count / (1 << 30):.1f} GiB" if count >= 1 << 30 else f"{count / (1 << 20):.0f} MiB"
