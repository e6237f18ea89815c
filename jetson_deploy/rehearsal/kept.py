"""Rehearsals that go on running, or that a reboot or a kill left half way: what their directories say."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import msgspec

WORK = Path("/var/tmp")  # noqa: S108 - not /tmp: images of some GB may not fit a tmpfs
PREFIX = "jd-"
_FILE = "session.json"


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """`session.json`: what is needed to use a rehearsal from another process, and to end it."""

    id: str
    directory: str
    namespace: str
    socket: str
    root: str
    board: str
    store: str
    words: str
    engine_pid: int
    registry_pid: int
    jd: str
    """A script that runs any command in this rehearsal."""

    def write(self) -> None:
        text = msgspec.json.format(msgspec.json.encode(self), indent=1)
        (Path(self.directory) / _FILE).write_bytes(text)


def kept_sessions(work: Path = WORK) -> list[Kept]:
    """Those of this user."""
    found = []
    for directory in sorted(work.glob(f"{PREFIX}*")):
        try:
            if not is_private(directory):
                continue
            kept = msgspec.json.decode((directory / _FILE).read_bytes(), type=Kept)
        except (OSError, msgspec.MsgspecError):
            continue
        # What is ended and deleted goes by the directory's own name, whatever the file says.
        id_ = directory.name.removeprefix(PREFIX)
        found.append(msgspec.structs.replace(kept, id=id_, directory=str(directory), namespace=directory.name))
    return found


def is_private(directory: Path) -> bool:
    """A real directory of ours in which no other user can write: any user may write to its parent."""
    seen = directory.lstat()
    return stat.S_ISDIR(seen.st_mode) and seen.st_uid == os.geteuid() and not seen.st_mode & 0o022
