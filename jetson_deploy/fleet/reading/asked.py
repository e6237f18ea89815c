"""What is asked of a device: its settings and environment, as the tool there would understand them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from jetson_deploy.catalog.parts import Part
from jetson_deploy.deployment.file import Declared, checked_wishes
from jetson_deploy.deployment.layers import Layers
from jetson_deploy.deployment.options import OPTIONS
from jetson_deploy.deployment.request import Request
from jetson_deploy.fleet.device import Device
from jetson_deploy.settings import Settings


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    settings: Settings
    """Of the tool there, not of this machine's."""
    request: Request

    @property
    def name(self) -> str:
        return self.request.name

    @property
    def store(self) -> Path | None:
        return Path(self.request.store) if self.request.store is not None else None


def asked_of(
    device: Device, *, source: str = "fleet.yaml", said: Mapping[str, Any] | None = None, force: bool = False
) -> Asked:
    """`source`: the inventory, for what `plan` says of where a value comes from. `said`: of every device, before its
    own settings: key of jetson-deploy.yaml → value. Raises UsageError."""
    part = Part(Path(source), device.settings, False)
    layers = Layers(Declared(wishes=checked_wishes(part), path=part.path, lines={}))
    settings = layers.settings(Settings.from_environment(device.environment), {})
    name = str(layers.flag_or_file(OPTIONS["name"], None) or OPTIONS["name"].default)
    return Asked(settings=settings, request=layers.request(settings, name, said or {}, force=force))
