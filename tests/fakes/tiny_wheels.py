"""Wheels of a few bytes: a name, a version, what they require, and nothing in them."""

from __future__ import annotations

import importlib.metadata
import os
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


def write_tool(directory: Path, version: str, *, works: bool = True, detects: bool = True) -> Path:
    """A stand-in for this tool: its command says its version, or fails; beside it 300 kB that no zip makes smaller."""
    stem = f"jetson_deploy-{version}"
    says = f"print('jetson-deploy, version {version}')" if works else "raise SystemExit('it does not run')"
    path = directory / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        reads = "" if detects else "import sys\nif 'detect' in sys.argv: raise SystemExit('no board can be read')\n"
        wheel.writestr("stand_in_tool.py", f"{reads}def main():\n    {says}\n")
        wheel.writestr("weight.bin", os.urandom(300_000))
        wheel.writestr(f"{stem}.dist-info/METADATA", f"Name: jetson-deploy\nVersion: {version}\n\n")
    return path


def write_pip(directory: Path) -> Path:
    """A stand-in for pip that is quick: unpacks the one tool and makes its command."""
    path = write_wheel(directory, "pip", "99.0")
    with zipfile.ZipFile(path, "a") as wheel:
        wheel.writestr("pip/__main__.py", _PIP)
    return path


_PIP = """
import pathlib, sys, sysconfig, zipfile
words = sys.argv[1:]
listed = pathlib.Path(words[words.index("--requirement") + 1]).read_text()
assert "--no-index" in words and ("--require-hashes" in words) == ("--hash=" in listed)
wheels = pathlib.Path(words[words.index("--find-links") + 1])
(tool,) = wheels.glob("jetson_deploy-*.whl")
zipfile.ZipFile(tool).extractall(sysconfig.get_path("purelib"))
command = pathlib.Path(sysconfig.get_path("scripts")) / "jetson-deploy"
command.write_text(f"#!{sys.executable}\\nfrom stand_in_tool import main\\nmain()\\n")
command.chmod(0o755)
"""
