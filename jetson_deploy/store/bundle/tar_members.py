"""The members of a tar and the places of their bytes, read as strictly as an untrusted file must be.

Not the standard library's reader: it follows what no bundle needs (sparse maps, chains of headers), and in the
Pythons of JetPack 5 and 6 such input makes it spin or fill the memory (CVE-2024-6232, CVE-2025-8194). Here one
header is 512 bytes, an extended one 64 KiB at most, and everything else is refused by name.

Formats: POSIX ustar and pax, and GNU's base-256 sizes (tar(5); POSIX pax, "ustar Interchange Format").
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

from jetson_deploy.store.bundle.layout import BLOCK_BYTES, padding

MOST_MEMBERS = 25_000
"""A manifest lists 10,000 layers at most."""
EXTENDED_BYTES = 64 << 10
"""Of one pax header; tools write some hundred bytes."""
_FILE, _DIRECTORY, _EXTENDED, _GLOBAL = (b"0", b"\0", b"7"), b"5", b"x", b"g"
_REFUSED = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a character device",
    b"4": "a block device",
    b"6": "a FIFO",
    b"S": "a sparse file",
    b"L": "a name of more than 100 characters",
    b"K": "a link with a name of more than 100 characters",
}


class Refused(Exception):  # noqa: N818 - becomes an IntegrityError that names the file
    """Why the file is not taken in. `hint`: what to do, where that is more than getting another file."""

    def __init__(self, why: str, hint: str | None = None) -> None:
        super().__init__(why)
        self.hint = hint


class Member(NamedTuple):
    name: str
    is_directory: bool
    start: int
    """Where its bytes begin in the tar."""
    size: int


def read_members(descriptor: int, file_bytes: int) -> Iterator[Member]:
    """Until the tar's end mark, or the end of the file at a member's border. Raises Refused, OSError."""
    at, number, extended = 0, 0, _Extended()
    while (header := _header(descriptor, at)) is not None:
        number += 1
        if number > MOST_MEMBERS:
            raise Refused(f"it has more than {MOST_MEMBERS} members")
        kind, start = header[156:157], at + BLOCK_BYTES
        size = _size(header, kind, extended)
        if start + size > file_bytes:
            raise Refused(f"it is cut: {start + size - file_bytes} bytes of it are missing")
        at = start + size + padding(size)
        if kind == _EXTENDED:
            extended = _read_extended(descriptor, start, size)
        elif kind != _GLOBAL:
            yield _member(header, kind, start, size, extended)
            extended = _Extended()


class _Extended(NamedTuple):
    """What a pax header says about the member after it."""

    path: str | None = None
    size: int | None = None


def _header(descriptor: int, at: int) -> bytes | None:
    block = os.pread(descriptor, BLOCK_BYTES, at)
    if not block.strip(b"\0"):
        return None
    # The checksum counts its own field as eight spaces.
    sum_of_it = sum(block[:148]) + 8 * ord(" ") + sum(block[156:])
    if len(block) < BLOCK_BYTES or _number(block[148:156]) != sum_of_it:
        raise Refused("it is no tar" if at == 0 else f"its header at byte {at} is damaged")
    return block


def _size(header: bytes, kind: bytes, extended: _Extended) -> int:
    if kind == _DIRECTORY:
        return 0
    own = kind in (_EXTENDED, _GLOBAL) or extended.size is None
    size = _number(header[124:136]) if own else extended.size
    if size is None:
        raise Refused(f"a header holds {header[124:136].decode('latin-1')!a} for a size")
    return size


def _number(field: bytes) -> int | None:
    """Octal digits, or GNU's base-256 with the first bit set; None for anything else."""
    if field[:1] == b"\x80":
        return int.from_bytes(field[1:], "big")
    digits = field.strip(b" \0") or b"0"
    return int(digits, 8) if all(digit in b"01234567" for digit in digits) else None


def _member(header: bytes, kind: bytes, start: int, size: int, extended: _Extended) -> Member:
    name = _name(header) if extended.path is None else extended.path
    if kind in _FILE or kind == _DIRECTORY:
        return Member(name, kind == _DIRECTORY, start, size)
    what = _REFUSED.get(kind, f"a member of the unknown type {kind.decode('latin-1')!a}")
    raise Refused(f"it holds {what}: {name[:100]!a}")


def _name(header: bytes) -> str:
    name = header[:100].partition(b"\0")[0]
    # GNU's own format has other things where ustar has the first part of the path.
    if header[257:263] == b"ustar\0" and header[345:346] != b"\0":
        name = header[345:500].partition(b"\0")[0] + b"/" + name
    return name.decode("utf-8", errors="backslashreplace")


def _read_extended(descriptor: int, start: int, size: int) -> _Extended:
    """Records `LENGTH KEY=VALUE\\n`; the length counts the whole record."""
    if size > EXTENDED_BYTES:
        raise Refused(f"an extended header claims {size} bytes")
    data, at, found = os.pread(descriptor, size, start), 0, _Extended()
    while at < len(data):
        digits = data[at : at + 8].partition(b" ")[0]
        record = data[at : at + (int(digits) if digits.isdigit() else 0)]
        key, equals, value = record[len(digits) + 1 : -1].partition(b"=")
        if not equals or not record.endswith(b"\n"):
            raise Refused("an extended header is damaged")
        found = _with_record(found, key, value)
        at += len(record)
    return found


def _with_record(given: _Extended, key: bytes, value: bytes) -> _Extended:
    if key == b"path":
        return given._replace(path=value.decode("utf-8", errors="backslashreplace"))
    if key == b"size":
        if not value.isdigit() or len(value) > 18:
            raise Refused("an extended header is damaged")
        return given._replace(size=int(value))
    if key.startswith(b"GNU.sparse."):
        raise Refused("it holds a sparse file")
    return given
