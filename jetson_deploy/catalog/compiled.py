"""The built-in catalog in a form that is decoded in 2 ms: reading and checking its YAML is half of what `plan` costs.
The known issues are kept likewise, apart: most commands have no use for them.

It lies beside the byte code and follows its rules: written after the first reading, not at all with
PYTHONDONTWRITEBYTECODE or where we may not write, and never missed. It holds for the very bytes of data and of this
package that it was made from; anything else is read from the YAML again. The bytes are hashed, which takes longer than
decoding, only where the times, sizes and inode numbers of the files are not those of the last time.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
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
_HEADER_BYTES = 2 * _DIGEST_BYTES
_UNKNOWN = b"?" * _DIGEST_BYTES
_SETTLED_NS = 2_000_000_000
"""Longer than the times of any file system here are coarse: two seconds on FAT."""

T = TypeVar("T")
Clock = Callable[[], int]
"""Nanoseconds since 1970."""


def place(name: str = NAME) -> Path | None:
    """Where it is kept; None: where Python keeps no byte code."""
    byte_code = getattr(__spec__, "cached", None)
    return Path(byte_code).with_name(name) if byte_code else None


def compiled_catalog(
    directory: Path, kept: Path | None, read: Callable[[], Catalog], clock: Clock = time.time_ns
) -> Catalog:
    """The catalog of `directory` from the file `kept`; by `read` where that is missing, older or damaged."""
    return _compiled(directory, _OF_CATALOG, kept, Catalog, read, clock)


def compiled_issues(directory: Path, kept: Path | None, read: Callable[[], dict[str, Issue]]) -> dict[str, Issue]:
    return _compiled(directory, ("issues",), kept, dict[str, Issue], read, time.time_ns)


def _compiled(
    directory: Path, names: Collection[str], kept: Path | None, kind: type[T], read: Callable[[], T], clock: Clock
) -> T:
    if kept is None:
        return read()
    content = _content(kept)
    try:
        files = list(_files(directory, names))
        stamp = _stamp(files, clock())
        lay_still = stamp is not None and content[:_DIGEST_BYTES] == stamp
        if lay_still and (value := _decoded(content, kind)) is not None:
            return value
        made_of = _made_of(files)
    except OSError:  # the reader then says what cannot be read
        return read()
    value = _decoded(content, kind) if content[_DIGEST_BYTES:_HEADER_BYTES] == made_of else None
    if value is not None and stamp is None:
        return value
    if value is None:
        value = read()
    if not sys.dont_write_bytecode:
        with contextlib.suppress(OSError):
            _keep(kept, (stamp or _UNKNOWN) + made_of + msgspec.msgpack.encode(value))
    return value


def _content(kept: Path) -> bytes:
    try:
        return kept.read_bytes()
    except OSError:
        return b""


def _decoded(content: bytes, kind: type[T]) -> T | None:
    try:
        return msgspec.msgpack.decode(content[_HEADER_BYTES:], type=kind)
    except msgspec.MsgspecError:
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


def _stamp(files: Sequence[str], now: int) -> bytes | None:
    """None: one of them was changed so lately that another change may not show in its times."""
    about = [(name, os.stat(name)) for name in files]  # noqa: PTH116  (a Path takes three times as long)
    newest = max((max(of.st_mtime_ns, of.st_ctime_ns) for _, of in about), default=0)
    if not 0 <= newest < now - _SETTLED_NS:
        return None
    lines = (f"{name}\0{of.st_size} {of.st_mtime_ns} {of.st_ctime_ns} {of.st_ino}" for name, of in about)
    return sha256_hex("\0".join(lines).encode(errors="surrogateescape")).encode()


def _made_of(files: Iterable[str]) -> bytes:
    return sha256_hex(b"".join(_named_contents(files))).encode()


def _named_contents(files: Iterable[str]) -> Iterator[bytes]:
    for name in files:
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
