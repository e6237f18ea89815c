"""The built-in catalog in a form that is decoded in 2 ms: reading and checking its YAML is half of what `plan` costs.

It lies beside the byte code and follows its rules: written after the first reading, not at all with
PYTHONDONTWRITEBYTECODE or where we may not write, and never missed. It holds for the very bytes of data and of this
package that it was made from; anything else is read from the YAML again.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.catalog.layers import LAYOUT
from jetson_deploy.digest import sha256_hex

NAME = "built-in-catalog.msgpack"
_NOT_IN_IT = ("issues", "alerts")
_DIGEST_BYTES = 64


def place() -> Path | None:
    """Where it is kept; None: where Python keeps no byte code."""
    byte_code = getattr(__spec__, "cached", None)
    return Path(byte_code).with_name(NAME) if byte_code else None


def compiled_catalog(directory: Path, kept: Path | None, read: Callable[[], Catalog]) -> Catalog:
    """The catalog of `directory` from the file `kept`; by `read` where that is missing, older or damaged."""
    made_of = _made_of(directory) if kept is not None else None
    if kept is None or made_of is None:
        return read()
    if (found := _found(kept, made_of)) is not None:
        return found
    catalog = read()
    if not sys.dont_write_bytecode:
        with contextlib.suppress(OSError):
            _keep(kept, made_of + msgspec.msgpack.encode(catalog))
    return catalog


def _found(kept: Path, made_of: bytes) -> Catalog | None:
    try:
        content = kept.read_bytes()
        if content[:_DIGEST_BYTES] != made_of:
            return None
        return msgspec.msgpack.decode(content[_DIGEST_BYTES:], type=Catalog)
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


def _made_of(directory: Path) -> bytes | None:
    """None: something there cannot be read, which the reader then says."""
    try:
        return sha256_hex(b"".join(_named_contents(directory))).encode()
    except OSError:
        return None


def _named_contents(directory: Path) -> Iterator[bytes]:
    for name in _files(directory):
        content = Path(name).read_bytes() if name.endswith((".yaml", ".py")) else b""
        yield f"{name}\0{len(content)}\0".encode(errors="surrogateescape")
        yield content


def _files(directory: Path) -> Iterator[str]:
    """Every file that may change what is read, the stray ones that the reader refuses among them.

    As text: to make, sort and join paths of pathlib takes longer than to read what they name.
    """
    for top, names in LAYOUT.items():
        for name in names:
            path = f"{directory}/{top}/{name}"
            if name.endswith(".yaml"):
                yield path
            elif name not in _NOT_IN_IT:
                yield from _within(path)
    yield from (file for file in _within(str(Path(__file__).parent)) if file.endswith(".py"))


def _within(path: str) -> list[str]:
    with os.scandir(path) as entries:
        return sorted(entry.path for entry in entries)
