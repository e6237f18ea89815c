"""Progress of an image pull: per-layer events of the engine added up to bytes. Pure.

The engine reports each layer by itself, tells a layer's size only once its download starts, runs
downloads and unpacking side by side, and starts a layer again from 0 after a cut connection.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jetson_deploy.events import Progress

_ON_NETWORK = ("Downloading", "Retrying in")
_DOWNLOADED = ("Verifying Checksum", "Download complete", "Extracting", "Pull complete")
_AT_WORK = ("Verifying Checksum", "Extracting")
_LAYER = ("Pulling fs layer", "Waiting", "Already exists", *_ON_NETWORK, *_DOWNLOADED)


@dataclass
class _Layer:
    status: str = ""
    total: int | None = None
    fetched: int = 0
    unpacked: int = 0
    downloaded: bool = False
    complete: bool = False


class LayerProgress:
    """Sums over layers that never go down."""

    def __init__(self, item: str) -> None:
        self._item = item
        self._layers: dict[str, _Layer] = {}
        self._shown = 0

    def take(self, event: Mapping[str, Any]) -> None:
        """Read one event; those that are not about a layer change nothing."""
        name, status = event.get("id"), str(event.get("status", ""))
        if not isinstance(name, str) or not status.startswith(_LAYER):
            return
        layer = self._layers.setdefault(name, _Layer())
        layer.status = status
        if status.startswith("Already exists"):
            del self._layers[name]
            return
        detail = event.get("progressDetail") or {}
        self._count(layer, status, int(detail.get("current") or 0), int(detail.get("total") or 0))

    @staticmethod
    def _count(layer: _Layer, status: str, current: int, total: int) -> None:
        if status.startswith(("Downloading", "Extracting")) and total > 0:
            layer.total = total
        if status.startswith("Downloading"):
            layer.fetched = max(layer.fetched, current)
        if status.startswith(_DOWNLOADED):
            layer.downloaded = True
            layer.fetched = max(layer.fetched, layer.total or 0)
        if status.startswith("Extracting"):
            layer.unpacked = max(layer.unpacked, current)
        if status.startswith("Pull complete"):
            layer.complete = True
            layer.unpacked = layer.total or 0

    @property
    def working_on_disk(self) -> bool:
        """True while a layer is verified or unpacked: the engine then says nothing for a long time."""
        return any(layer.status.startswith(_AT_WORK) for layer in self._layers.values()) or self._settled()

    def _settled(self) -> bool:
        return bool(self._layers) and all(layer.downloaded for layer in self._layers.values())

    def progress(self) -> Progress | None:
        """Where the pull is; None before the first layer is known."""
        layers = self._layers.values()
        if not layers:
            return None
        total = sum(layer.total or 0 for layer in layers)
        known = all(layer.total is not None or layer.downloaded for layer in layers)
        if self._settled():
            return Progress(
                item=self._item,
                done_bytes=min(total, sum(layer.unpacked for layer in layers)),
                total_bytes=total,
                phase="unpacking",
            )
        self._shown = max(self._shown, sum(layer.fetched for layer in layers))
        return Progress(item=self._item, done_bytes=self._shown, total_bytes=total if known else None)
