"""The plan for one device, as data: shown, summed up, saved, and compared with a later one."""

from __future__ import annotations

import msgspec


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    code: str
    cause: str
    fix: str = ""


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """What a saved plan stands for: the plan made later must give the same."""

    image: str
    model: str
    context_tokens: int
    port: int
    steps: tuple[str, ...] = ()
    """`create-container jd-default-3-candidate 0123456789abcdef`; empty: it is as wanted."""


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """Facts that decisions follow from. None: unknown."""

    board: str | None = None
    l4t: str | None = None
    memory_total_bytes: int | None = None
    memory_available_bytes: int | None = None
    disk: str | None = None
    """Mount that the store lies on."""
    disk_free_bytes: int | None = None
    store: str | None = None
    power_mode: str | None = None
    engine: str | None = None
    deployed: str | None = None
    """Container that serves."""


class DevicePlan(msgspec.Struct, frozen=True, kw_only=True):
    decided: Decided | None = None
    """None: something stands against it."""
    refusals: tuple[Refusal, ...] = ()
    ground: Ground = Ground()
    key: str | None = None
    """Board, L4T, image and model: of devices with the same key one is the canary of all."""
    image_bytes: int | None = 0
    """To be fetched; None: the size of the image is not on record."""
    model_bytes: int = 0
    bytes_per_second: float | None = None
    """Asked for, or measured on this device before; None: unknown."""
    downtime_seconds: float | None = None
    """Of its last cutover, where the plan has one; None: none was measured."""
    warnings: tuple[str, ...] = ()
    tool: str | None = None
    """Version of the tool there."""

    @property
    def fetch_bytes(self) -> int | None:
        return None if self.image_bytes is None else self.image_bytes + self.model_bytes

    @property
    def fetch_seconds(self) -> float | None:
        """None: a size or the rate is not known."""
        if self.fetch_bytes == 0:
            return 0.0
        return self.fetch_bytes / self.bytes_per_second if self.fetch_bytes and self.bytes_per_second else None
