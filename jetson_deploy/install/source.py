"""What this version consists of: its files, one identity over all of them, and a wheel made of them.

No build tool and no network: from a checkout and from an installed wheel the same files come out under the same names
(`tests/install/test_source.py` holds that against the real build). Runs on a board's own Python too, from 3.8 on, with
nothing installed (`on_board.py`).
"""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import io
import re
import zipfile
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

import jetson_deploy
from jetson_deploy.errors import PreflightError
from jetson_deploy.install.declared import declared_metadata

NAME = "jetson-deploy"
_PACKAGE = Path(jetson_deploy.__file__).parent
_INCLUDED = re.compile(r"^\[tool\.hatch\.build\.targets\.wheel\.force-include\]\n((?:\"[^\n]*\n)*)", re.MULTILINE)
_LINE = re.compile(r"\"([^\"]+)\" = \"([^\"]+)\"")
"""pyproject.toml alone says what a wheel has beside the package; Python 3.10 has no reader of TOML."""
_DATE = (2020, 2, 2, 0, 0, 0)
"""A zip stores dates; the same files must give the same bytes."""


def version() -> str:
    return jetson_deploy.__version__


@lru_cache(maxsize=None)  # noqa: UP033 - Python 3.8
def files() -> tuple[tuple[str, Path], ...]:
    """Name in the wheel and file here, sorted by name."""
    root = _PACKAGE.parent
    found = list(_below(_PACKAGE, _PACKAGE.name))
    for there, name in _included(root / "pyproject.toml"):
        found += _below(root / there, name)
    return tuple(sorted(found))


@lru_cache(maxsize=None)  # noqa: UP033 - Python 3.8
def identity() -> str:
    """SHA-256 over names and contents: two checkouts of one version differ by it."""
    return identity_of((name, path.read_bytes()) for name, path in files())


def identity_of(contents: Iterable[tuple[str, bytes]]) -> str:
    """`contents`: sorted by name."""
    total = hashlib.sha256()
    for name, content in contents:
        total.update(f"{name}\0{hashlib.sha256(content).hexdigest()}\n".encode())
    return total.hexdigest()


def install_name() -> str:
    """Of the directory that this very version has on a board."""
    return f"{version()}-{identity()[:8]}"


def write_wheel(directory: Path) -> Path:
    """A wheel of this version. Raises PreflightError `tool-not-installed`."""
    path = directory / f"{_stem()}-py3-none-any.whl"
    path.write_bytes(wheel_bytes())
    return path


@lru_cache(maxsize=None)  # noqa: UP033 - Python 3.8
def wheel_bytes() -> bytes:
    """The same each time. Raises PreflightError `tool-not-installed`."""
    info = f"{_stem()}.dist-info"
    record: list[str] = []
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name, content in (*_contents(), *_metadata(info)):
            _add(wheel, name, content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            record.append(f"{name},sha256={digest},{len(content)}")
        _add(wheel, f"{info}/RECORD", "\n".join([*record, f"{info}/RECORD,,", ""]).encode())
    return made.getvalue()


def _stem() -> str:
    return f"{NAME.replace('-', '_')}-{version()}"


def _included(pyproject: Path) -> list[tuple[str, str]]:
    """Path in the checkout and name in the wheel; of an installed wheel none: there they are in the package."""
    if not pyproject.is_file() or not (pyproject.parent / "profiles").is_dir():
        return []
    section = _INCLUDED.search(pyproject.read_text(encoding="utf-8"))
    return _LINE.findall(section[1]) if section else []


def _below(path: Path, name: str) -> Iterator[tuple[str, Path]]:
    if path.is_file():
        yield name, path
        return
    for file in path.rglob("*"):
        parts = file.relative_to(path).parts
        if "__pycache__" not in parts and file.is_file() and file.suffix != ".pyc":
            yield "/".join((name, *parts)), file


def _contents() -> Iterator[tuple[str, bytes]]:
    for name, path in files():
        yield name, path.read_bytes()


def _metadata(info: str) -> Iterator[tuple[str, bytes]]:
    try:
        installed = importlib.metadata.distribution(NAME)
    except importlib.metadata.PackageNotFoundError:
        installed = None
    metadata = None if installed is None else installed.read_text("METADATA")
    entry_points = None if installed is None else installed.read_text("entry_points.txt")
    declared = _PACKAGE.parent / "pyproject.toml"
    if metadata is None and declared.is_file():
        metadata, entry_points = declared_metadata(declared.read_text(encoding="utf-8"), version())
    if metadata is None or entry_points is None or f"\nVersion: {version()}\n" not in metadata:
        raise PreflightError(
            f"what is installed here is not {NAME} {version()}, so no wheel can be made of it",
            hint="run scripts/setup in the clone, or install the tool with scripts/install.sh",
            code="tool-not-installed",
        )
    yield f"{info}/METADATA", metadata.encode()
    yield f"{info}/WHEEL", b"Wheel-Version: 1.0\nGenerator: jetson-deploy\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    yield f"{info}/entry_points.txt", entry_points.encode()


def _add(wheel: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, _DATE)
    entry.external_attr = 0o644 << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    wheel.writestr(entry, content)
