"""Bytes of memory, disks and files as text: one unit and one rounding wherever a person reads them. Servers' times."""

from __future__ import annotations

_SMALLER = ("B", "KiB", "MiB")


def size_text(count: float | None, *, unknown: str = "unknown") -> str:
    """GiB with one decimal; what is smaller in MiB, KiB or B, with a decimal below 10."""
    if count is None:
        return unknown
    value = float(count)
    for unit in _SMALLER:
        text = f"{value:.1f}" if unit != "B" and abs(value) < 9.95 else f"{value:.0f}"
        if abs(float(text)) < 1024:
            return f"{text} {unit}"
        value /= 1024
    return f"{value:.1f} GiB"


def gib(count: float | None, *, unknown: str = "-") -> str:
    """The number alone, where the unit stands once for several."""
    return unknown if count is None else f"{count / (1 << 30):.1f}"


def compared(one: int, other: int) -> tuple[str, str]:
    """Two sizes of one sentence: more decimals where both would read the same and are not."""
    texts = size_text(one), size_text(other)
    if texts[0] != texts[1] or one == other:
        return texts
    return f"{one / (1 << 20):.1f} MiB", f"{other / (1 << 20):.1f} MiB"


def seconds(nanoseconds: int | None) -> float | None:
    """Of a duration as Ollama writes it; 0 stands for unknown."""
    return nanoseconds / 1_000_000_000 if nanoseconds else None
