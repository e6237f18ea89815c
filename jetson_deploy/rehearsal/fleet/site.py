"""What the boards of a run share: a registry with stand-ins, and the catalog in which these differ."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from jetson_deploy.deployment.plan import Plan
from jetson_deploy.events import Reporter
from jetson_deploy.rehearsal.filling import fill, fill_model
from jetson_deploy.rehearsal.fleet.holder import Holder
from jetson_deploy.rehearsal.fleet.layout import GATEWAY, Layout
from jetson_deploy.rehearsal.registry import Registry

Kind: TypeAlias = Literal["bare", "light", "full"]
"""Without an engine; with a stand-in for engine and server; with real ones."""
ADDRESS = f"{GATEWAY}:5000"
_WEIGHTS = 1 << 16
"""Bytes of what stands in for a light board's weights: hashed and served, never computed with."""


class Inside(msgspec.Struct, frozen=True):
    """The registry ends with the holder."""

    holder: Holder

    def enter(self) -> list[str]:
        return self.holder.enter()


class Site(msgspec.Struct, kw_only=True):
    layout: Layout
    holder: Holder
    captured: Path
    kind: Kind
    plans: list[Plan] = []
    """Of the models that the registry has; the first is the one that the product picks."""

    @property
    def catalog(self) -> Path:
        """The same path for the controller and on a board."""
        return self.layout.directory / "catalog"

    def open(self, models: Sequence[str | None], report: Reporter) -> None:
        """Start the registry and fill it. Raises PreflightError."""
        registry = Registry(directory=self.layout.directory, namespace=Inside(self.holder), address=ADDRESS)
        registry.start()
        if self.kind == "full":
            filled = [fill(self.layout.directory, registry, self.captured, models[0], report)]
        else:
            weights = self.layout.directory / "weights"
            weights.write_bytes(b"GGUF" + random.Random(self.layout.id).randbytes(_WEIGHTS))  # noqa: S311 - no secret
            filled = [fill_model(self.layout.directory, registry, self.captured, model, weights) for model in models]
        self.plans = [one.plan for one in filled]

    def environment(self) -> dict[str, str]:
        """What makes the product use these parts, on a board as on the controller: documented settings."""
        if self.kind == "bare":
            return {}
        return {
            "JETSON_DEPLOY_REGISTRY": f"http://{ADDRESS}",
            "JETSON_DEPLOY_IMAGE_REGISTRY": ADDRESS,
            "JETSON_DEPLOY_CATALOG": str(self.catalog),
        }

    def behaviour(self) -> bytes:
        """How fast a light board's server says that it answers: as planned for the board."""
        rates = {
            plan.model.name: speed.middle for plan in self.plans if (speed := plan.model.predicted_tokens_per_second)
        }
        return msgspec.json.encode({"tokens_per_second": rates})
