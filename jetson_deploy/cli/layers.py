"""What the command line says of a deployment, over the variables and the file of `-f` (`deployment/layers.py`)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from jetson_deploy.deployment.layers import Layers
from jetson_deploy.deployment.options import OPTIONS

if TYPE_CHECKING:
    from jetson_deploy.deployment.file import Declared

STDIN = Path("-")


class DeployFlags(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line of `plan` or `up` says of the deployment."""

    file: Path | None
    """That of `-f`."""
    said: dict[str, Any]
    """Key of the deployment file → value. A flag that was not given is not there."""


def layers_of(file: Path | None) -> Layers:
    return Layers(_read(file) if file is not None else None)


def deployment_name(layers: Layers, flag: str) -> str:
    """`--name` has a default, which the file comes before."""
    source = click.get_current_context().get_parameter_source("name")
    typed = source not in (None, click.core.ParameterSource.DEFAULT)
    return str(layers.flag_or_file(OPTIONS["name"], flag if typed else None) or flag)


def _read(file: Path) -> Declared:
    from jetson_deploy.catalog.reader import MAX_BYTES
    from jetson_deploy.deployment.file import read_deployment_file

    if file == STDIN:
        return read_deployment_file(Path("standard input"), sys.stdin.buffer.read(MAX_BYTES + 1))
    return read_deployment_file(file)
