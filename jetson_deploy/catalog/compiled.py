"""The built-in catalog in a form that is decoded in 2 ms: reading and checking its YAML is half of what `plan` costs.
The known issues are kept likewise, apart: most commands have no use for them.

It lies beside the byte code and follows its rules: written after the first reading, not at all with
PYTHONDONTWRITEBYTECODE or where we may not write, and never missed. It holds for the very bytes of data and of this
package that it was made from; anything else is read from the YAML again.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.catalog.entries import Issue
from jetson_deploy.catalog.layers import LAYOUT
from jetson_deploy.digest import sha256_hex

NAME = "built-in-catalog.msgpack"
ISSUES = "built-in-issues.msgpack"
_APART = ("issues", "alerts")
_OF_CATALOG = frozenset(name for names in LAYOUT.values() for name in names if name not in _APART)
_DIGEST_BYTES = 64

T = TypeVar("T")


def place(name: str = NAME) -> Path | None:
    """Where it is kept; None: where Python keeps no byte code."""
    byte_code = getattr(__spec__, "cached", None)
    return Path(byte_code).with_name(name) if byte_code else None


def compiled_catalog(directory: Path, kept: Path | None, read: Callable[[], Catalog]) -> Catalog:
    """The catalog of `directory` from the file `kept`; by `read` where that is missing, older or damaged."""
    return _compiled(directory, _OF_CATALOG, kept, Catalog, read)


def compiled_issues(directory: Path, kept: Path | None, read: Callable[[], dict[str, Issue]]) -> dict[str, Issue]:
    return _compiled(directory, ("issues",), kept, dict[str, Issue], read)


def _compiled(directory: Path, names: Collection[str], kept: Path | None, kind: type[T], read: Callable[[], T]) -> T:
    made_of = _made_of(directory, names) if kept is not None else None
    if kept is None or made_of is None:
        return read()
    if (found := _found(kept, made_of, kind)) is not None:
        return found
    value = read()
    if not sys.dont_write_bytecode:
        with contextlib.suppress(OSError):
            _keep(kept, made_of + msgspec.msgpack.encode(value))
    return value


def _found(kept: Path, made_of: bytes, kind: type[T]) -> T | None:
    try:
        content = kept.read_bytes()
        if content[:_DIGEST_BYTES] != made_of:
            return None
        return msgspec.msgpack.decode(content[_DIGEST_BYTES:], type=kind)
    except (OSError, msgspec.MsgspecError):
        return None


def _keep(kept: Path, content: bytes) -> None:
    """Whole or not at all: two first runs may stand side by side."""
    new = kept.with_name(f"{kept.name}.{os.getpid()}")
    try:
        new.write_bytes(content)
        new.replace(kept)
    except OSError:
        new.unlink(missing_ok=True)
        raise


def _made_of(directory: Path, names: Collection[str]) -> bytes | None:
    """None: something there cannot be read, which the reader then says."""
    try:
        return sha256_hex(b"".join(_named_contents(directory, names))).encode()
    except OSError:
        return None


def _named_contents(directory: Path, names: Collection[str]) -> Iterator[bytes]:
    for name in _files(directory, names):
        content = Path(name).read_bytes() if name.endswith((".yaml", ".py")) else b""
        yield f"{name}\0{len(content)}\0".encode(errors="surrogateescape")
        yield content


def _files(directory: Path, names: Collection[str]) -> Iterator[str]:
    """Every file that may change what is read, the stray ones that the reader refuses among them.

    As text: to make, sort and join paths of pathlib takes longer than to read what they name.
    """
    for top, parts in LAYOUT.items():
        for name in (part for part in parts if part in names):
            path = f"{directory}/{top}/{name}"
            if name.endswith(".yaml"):
                yield path
            else:
                yield from _within(path)
    yield from (file for file in _within(str(Path(__file__).parent)) if file.endswith(".py"))


def _within(path: str) -> list[str]:
    with os.scandir(path) as entries:
        return sorted(entry.path for entry in entries)
