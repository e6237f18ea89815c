"""What the reading script answers. A device may be broken or hostile: sizes, names and shapes are checked here."""

from __future__ import annotations

import re
import zlib
from typing import Annotated

import msgspec
from msgspec import Meta

from jetson_deploy.fleet.failure import DeviceError
from jetson_deploy.own_copy import own_copy

MOST_PACKED = 2 << 20
MOST_BYTES = 16 << 20
"""Unpacked. The script stops at 12 MiB; a usual board has 20 KiB."""
_HEAD = re.compile(rb"(?:^|\n)jetson-deploy-reading/1 ([0-9]{1,9})\n")

_MOST_MOUNTS = 2000
_MOST_ABOVE = 16 << 20
"""Characters of all directories that the names lie in: names of many levels would make gigabytes of 16 MiB."""
_PLACE = 64
"""What a directory costs beside its name."""
_ENTRIES = Meta(max_length=20_000)

Text = Annotated[str, Meta(max_length=1000)]
Name = Annotated[str, Meta(max_length=4096)]
"""Of a file. Longer ones do not exist in Linux."""


class Python(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    path: Text
    version: Text
    """`3.10`."""
    venv: bool = False
    ensurepip: bool = False


class Tool(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    path: Text | None = None
    place: Text | None = None
    """Directory that the program lies below, links followed."""
    version: Text | None = None
    installed: Annotated[tuple[Text, ...], Meta(max_length=100)] = ()
    """Names in /opt/jetson-deploy."""


class BoardAnswer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of the machine itself; all None where a captured root was read."""

    host_name: Text | None = None
    boot_id: Text | None = None
    machine: Text | None = None
    libc: Text | None = None
    root: bool = False
    pythons: Annotated[tuple[Python, ...], Meta(max_length=200)] = ()
    tool: Tool = Tool()
    units: Annotated[dict[Text, tuple[Text | None, Text | None]], Meta(max_length=5000)] | None = None
    """Unit → ActiveState and Result, of the engine and of ours; None: no systemd, or it did not answer."""
    not_mounted: Annotated[tuple[Text, ...], Meta(max_length=1000)] = ()
    """Mount points of fstab with nothing mounted."""
    overlays: Annotated[tuple[Text, ...], Meta(max_length=100)] = ()
    """Directories with a catalog of its own, in the order in which they are laid over the built-in one."""
    catalogs: Annotated[dict[Name, dict[Name, str] | None], Meta(max_length=100)] = {}
    """Overlay → name below it → its bytes, a character each; None: too much, or unreadable."""
    epoch_seconds: float | None = None


class StoreAnswer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    exists: bool
    writable: bool | None = None
    manifests: Annotated[dict[Name, str | None], _ENTRIES] = {}
    """`host/namespace/model/tag` → its bytes, a character each; None: unreadable, or too long."""
    pinned: Annotated[dict[Name, dict[Name, str | None]], _ENTRIES] = {}
    blobs: Annotated[dict[Name, tuple[int, bool]], _ENTRIES] = {}
    """Name → size, and whether it is the file that was hashed and found right."""


class ReadingAnswer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    files: Annotated[dict[Name, str], _ENTRIES]
    links: Annotated[dict[Name, Name], _ENTRIES] = {}
    directories: Annotated[tuple[Name, ...], _ENTRIES] = ()
    stores: Annotated[dict[Name, StoreAnswer], Meta(max_length=1000)] = {}
    state: Annotated[dict[Name, dict[Name, str]], Meta(max_length=100)] = {}
    """Deployment → `state.json` and `state.json.bak`."""
    board: BoardAnswer = BoardAnswer()
    cut: bool = False
    """There was more than is ever sent."""

    @property
    def live(self) -> bool:
        return self.board.machine is not None


def unpack(output: bytes) -> ReadingAnswer:
    """Raises DeviceError `banner`, `reading-too-long`, `reading-unusable`."""
    head = _HEAD.search(output)
    if head is None:
        raise _no_answer(output)
    packed = output[head.end() : head.end() + int(head[1])]
    if len(packed) < int(head[1]):
        raise _unusable(f"its answer ends after {len(packed)} of {head[1].decode()} bytes")
    try:
        answer = msgspec.json.decode(_inflated(packed), type=ReadingAnswer)
    except (zlib.error, msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise _unusable(f"its answer cannot be read: {ascii(str(error))[1:-1][:200]}") from None
    names = (*answer.files, *answer.links, *answer.directories)
    for name in names:
        if name.startswith("/") or not {"..", "."}.isdisjoint(name.split("/")) or "\0" in name:
            raise _unusable(f"its answer names a file {ascii(name)[:100]}, which lies in no root")
    if sum((len(name) + _PLACE) * name.count("/") for name in names) > _MOST_ABOVE:
        raise _unusable("its answer names files in more directories than any board has")
    if answer.files.get("proc/mounts", "").count("\n") > _MOST_MOUNTS:
        raise _unusable(f"it has more than {_MOST_MOUNTS} mounts")
    return answer


def _inflated(packed: bytes) -> bytes:
    unpacker = zlib.decompressobj()
    data = unpacker.decompress(packed, MOST_BYTES)
    if unpacker.unconsumed_tail or not unpacker.eof:
        raise DeviceError(
            f"its answer is longer than {MOST_BYTES >> 20} MiB, or cut", hint=_hint(), code="reading-too-long"
        )
    return data


def _no_answer(output: bytes) -> DeviceError:
    said = ascii(output[:200].decode(errors="replace").strip())[1:-1]
    if not said:
        return _unusable("the script that reads it ended without an answer")
    return DeviceError(
        f"it printed {said[:80]!r} and no answer",
        hint="is that from ~/.bashrc there? Let it print nothing where the shell is not interactive",
        code="banner",
    )


def _unusable(message: str) -> DeviceError:
    return DeviceError(message, hint=_hint(), code="reading-unusable")


def _hint() -> str:
    return f"look at the device itself by ssh, or copy {own_copy().script('capture-host')} there and run it"
