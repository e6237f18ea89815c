"""cpio archives ("newc"), as the kernel unpacks them: several one after another, uncompressed ones too."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

import msgspec

_DIRECTORY, _FILE = 0o40755, 0o100000


class Entry(msgspec.Struct, frozen=True):
    name: str
    content: bytes
    mode: int = 0o644


def archive(entries: Iterable[Entry]) -> bytes:
    """Each with the directories that it lies in."""
    made: dict[str, bytes] = {}
    for entry in entries:
        for folder in reversed(PurePosixPath(entry.name).parents):
            if str(folder) != ".":
                made.setdefault(str(folder), _record(str(folder), _DIRECTORY, b""))
        made[entry.name] = _record(entry.name, _FILE | entry.mode, entry.content)
    return b"".join([*made.values(), _record("TRAILER!!!", 0, b"")])


def _record(name: str, mode: int, content: bytes) -> bytes:
    path = name.encode() + b"\0"
    numbers = [0, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(path), 0]
    head = b"070701" + b"".join(b"%08X" % number for number in numbers) + path
    return _even(head) + _even(content)


def _even(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)
