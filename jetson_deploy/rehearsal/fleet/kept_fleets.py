"""Rehearsed fleets that go on running, or that a kill left half way: what their directories say."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from jetson_deploy.rehearsal.fleet import hierarchies
from jetson_deploy.rehearsal.kept import PREFIX, WORK, is_private

_FILE = "fleet.json"
VIRTUAL = "virtual"
"""Kind of the emulated boards: `virtual.guard.end_run` ends them."""
_SCRIPT = """\
#!/bin/sh
# Runs any command of the tool where the controller of this rehearsed fleet is.
{exports}case "${{1-}} ${{2-}}" in
"fleet history" | "fleet show" | "fleet pause" | "fleet abort") ;;
"fleet inventory")
  shift 2
  set -- fleet inventory -i {inventory} "$@"
  ;;
"fleet "[a-z]*)
  verb=$2
  shift 2
  set -- fleet "$verb" -i {inventory} --ssh-config {ssh_config} "$@"
  ;;
esac
exec {argv} "$@"
"""


class KeptFleet(msgspec.Struct, frozen=True, kw_only=True):
    """`fleet.json`: what is needed to use rehearsed boards from another process, and to end them."""

    id: str
    directory: str
    holder: int
    """Pid of the process with which all of it ends; 0: there was none yet, or is none (virtual boards)."""
    boards: int
    kind: str
    board: str
    words: str
    inventory: str
    ssh_config: str
    jd: str
    """A script that runs any command where the controller is."""

    def write(self) -> None:
        text = msgspec.json.format(msgspec.json.encode(self), indent=1)
        (Path(self.directory) / _FILE).write_bytes(text)


def write_script(
    path: Path, argv: Sequence[str], variables: Mapping[str, str], inventory: Path, ssh_config: Path
) -> None:
    exports = "".join(f"export {key}={shlex.quote(value)}\n" for key, value in variables.items())
    places = {"inventory": shlex.quote(str(inventory)), "ssh_config": shlex.quote(str(ssh_config))}
    path.write_text(_SCRIPT.format(exports=exports, argv=shlex.join(argv), **places))
    path.chmod(0o755)


def kept_fleets(work: Path = WORK) -> list[KeptFleet]:
    """Those of this user."""
    found = []
    for directory in sorted(work.glob(f"{PREFIX}*")):
        try:
            if not is_private(directory):
                continue
            kept = msgspec.json.decode((directory / _FILE).read_bytes(), type=KeptFleet)
        except (OSError, msgspec.MsgspecError):
            continue
        # What is ended and deleted goes by the directory's own name, whatever the file says.
        id_ = directory.name.removeprefix(PREFIX)
        found.append(msgspec.structs.replace(kept, id=id_, directory=str(directory)))
    return found


def stop_fleet(kept: KeptFleet, seconds: float = 10.0) -> None:
    """All of it, in any state; nothing of another program."""
    deadline = time.monotonic() + seconds
    while _holds(kept) and time.monotonic() < deadline:
        with contextlib.suppress(ProcessLookupError):
            os.kill(kept.holder, signal.SIGKILL)
        time.sleep(0.02)
    hierarchies.remove(Path(kept.directory).name)
    shutil.rmtree(kept.directory, ignore_errors=True)


def _holds(kept: KeptFleet) -> bool:
    """Its first process names its directory; a pid alone is given again."""
    try:
        line = Path(f"/proc/{kept.holder}/cmdline").read_bytes()
    except OSError:
        return False
    return kept.holder > 0 and f"{kept.directory}/holder".encode() in line.split(b"\0")
