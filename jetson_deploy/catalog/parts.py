"""The parts of an entry from each layer's files, merged: later layers over earlier ones.

Maps are merged key by key, everything else is replaced; every merged entry remembers its files, so that an error
names the one that holds the wrong key.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jetson_deploy.catalog.layers import Layer, listing
from jetson_deploy.catalog.reader import read_yaml
from jetson_deploy.catalog.wording import catalog_error


class Part(NamedTuple):
    """What one file says about an entry."""

    path: Path
    data: Mapping[Any, Any]
    built_in: bool
    lines: Mapping[tuple[Any, ...], int] = {}
    """Line of each key, where they were counted."""


def read_directory(layers: Iterable[Layer], where: str) -> dict[str, tuple[Part, ...]]:
    """File name without `.yaml` → what each layer says, lowest layer first."""
    entries: dict[str, tuple[Part, ...]] = {}
    for layer in layers:
        for path in listing(layer.directory / where):
            if path.suffix == ".yml":
                raise catalog_error(path, "", "is not read", hint="name it *.yaml", code="catalog-unknown-file")
            if path.suffix == ".yaml" and not path.name.startswith("."):
                part = Part(path, read_yaml(path), layer.built_in)
                entries[path.stem] = (*entries.get(path.stem, ()), part)
    return entries


def read_single(layers: Iterable[Layer], where: str) -> tuple[Part, ...]:
    """One file per layer, where there is one."""
    paths = ((layer.directory / where, layer.built_in) for layer in layers)
    return tuple(Part(path, read_yaml(path), built_in) for path, built_in in paths if os.path.lexists(path))


def merged(parts: Sequence[Part]) -> Mapping[Any, Any]:
    data = parts[0].data
    for part in parts[1:]:
        data = _laid_over(data, part.data)
    return data


def _laid_over(base: Mapping[Any, Any], over: Mapping[Any, Any]) -> dict[Any, Any]:
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        result[key] = _laid_over(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return result


def blame(parts: Sequence[Part], path: Sequence[Any]) -> Path:
    """The file that contributed the value at `path`, or the most of the way to it; the last one on a tie.

    With its line, where lines were counted: `FILE:7`.
    """
    best, reached = parts[-1], -1
    for part in reversed(parts):
        if (reach := _reach(part.data, path)) > reached:
            best, reached = part, reach
    line = best.lines.get(tuple(path[:reached]))
    return Path(f"{best.path}:{line}") if line else best.path


def _reach(data: Any, path: Sequence[Any]) -> int:
    for depth, key in enumerate(path):
        in_map = isinstance(data, dict) and key in data
        in_list = isinstance(data, list) and isinstance(key, int) and key < len(data)
        if not (in_map or in_list):
            return depth
        data = data[key]
    return len(path)
