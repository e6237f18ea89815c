"""Wheels of a few bytes: a name, a version, what they require, and nothing in them."""

from __future__ import annotations

import importlib.metadata
import zipfile
from collections.abc import Iterable
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def write_wheel(
    directory: Path,
    name: str,
    version: str,
    *,
    tag: str = "py3-none-any",
    requires: Iterable[str] = (),
    python: str = "",
) -> Path:
    stem = f"{name.replace('-', '_')}-{version}"
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Python: {python}"] if python else []
    lines += [f"Requires-Dist: {one}" for one in requires]
    path = directory / f"{stem}-{tag}.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{stem}.dist-info/METADATA", "\n".join([*lines, "", ""]))
    return path


def write_wheelhouse(directory: Path, *, without: str = "") -> Path:
    """Of every dependency of this tool one, and pip."""
    directory.mkdir(parents=True)
    needs = [Requirement(text) for text in importlib.metadata.requires("jetson-deploy") or ()]
    needs = [one for one in needs if one.marker is None or one.marker.evaluate({"extra": ""})]
    for name in ("pip", *(canonicalize_name(one.name) for one in needs)):
        if name != without:
            write_wheel(directory, name, "9999.1")
    return directory
