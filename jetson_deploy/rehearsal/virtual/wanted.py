"""What a virtual board is: `board.json` in its directory, which everything else of it is beside."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from jetson_deploy.errors import PreflightError, UsageError
from jetson_deploy.names import shown

FILE = "board.json"
SERIAL = "1420000000000"
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")


class Disk(msgspec.Struct, frozen=True, kw_only=True):
    """A second disk. qemu's nvme cannot be saved while it runs (`save`); virtio can."""

    name: str
    gigabytes: int = 16
    kind: str = "nvme"


class Wanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    base: str
    """Directory of the base image."""
    model: str
    compatible: list[str]
    serial: str = SERIAL
    memory_mib: int
    """Of the machine; the kernel keeps a part, so that MemTotal is less."""
    processors: int = 2
    disk_gigabytes: int = 40
    """As the board sees it; only what is written takes room here."""
    forwards: dict[int, int] = {}
    """Port of 10.0.2.100, as the board sees it → port of this machine's loopback."""
    port: int
    """Of this machine's loopback, for ssh."""
    clock: str | None = None
    """What the clock says at each start (qemu's `-rtc base=`); None: the time."""
    append: str = ""
    """Further words for the kernel."""
    disks: list[Disk] = []

    def write(self, directory: Path) -> None:
        text = msgspec.json.format(msgspec.json.encode(self), indent=1)
        fresh = directory / f"{FILE}.new"
        fresh.write_bytes(text + b"\n")
        fresh.replace(directory / FILE)


def read_wanted(directory: Path) -> Wanted:
    """Raises PreflightError where no board is."""
    try:
        return msgspec.json.decode((directory / FILE).read_bytes(), type=Wanted)
    except OSError:
        problem = f"there is no virtual board {shown(directory.name)}"
    except msgspec.MsgspecError as error:
        problem = f"{directory / FILE} cannot be read: {error}"
    raise PreflightError(problem, hint="scripts/virtual-board list", code="no-virtual-board")


def check_name(name: str) -> str:
    """A host name, and a directory's. Raises UsageError."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{shown(name)} is no name for a board",
            hint="use small letters, digits and hyphens, at most 32",
            code="bad-name",
        )
    return name
