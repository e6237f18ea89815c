"""The user's request; `settle.py` fills the gaps."""

from __future__ import annotations

from typing import NoReturn

import msgspec

from jetson_deploy.deployment.options import DeployOptions
from jetson_deploy.deployment.watch_options import WatchWishes
from jetson_deploy.names import is_native
from jetson_deploy.settings import Settings

DOCKER, NATIVE_RUNTIME = "docker", "native"


class Request(DeployOptions[None], frozen=True, kw_only=True):
    """Flags, variables and the file. None means: keep what is deployed, else choose for me."""

    image_registry: str | None = None
    simulated: str | None = None
    """A rehearsal's words for what is not real."""
    force: bool = False
    """Replace the deployment even when nothing differs, and try again what failed before."""
    watch: WatchWishes | None = None
    """None: nothing was said about the watcher."""
    sources: dict[str, str] = msgspec.field(default_factory=dict)
    """Key → where it was said, of what is not None."""


class Wanted(DeployOptions[NoReturn], frozen=True, kw_only=True):
    """The request with every gap filled that does not need a decision. `settle` makes it."""

    image_registry: str | None
    simulated: str | None
    force: bool
    sources: dict[str, str]


def runtime_of_image(image: str) -> str:
    """What runs it."""
    return NATIVE_RUNTIME if is_native(image) else DOCKER


def as_deployed(name: str, settings: Settings, *, force: bool = False) -> Request:
    """The request that asks for nothing new."""
    return Request(
        name=name,
        registry=settings.registry,
        image_registry=settings.image_registry,
        simulated=settings.rehearsal,
        stability_seconds=settings.stability_seconds,
        force=force,
    )
