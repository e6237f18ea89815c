"""An `ollama.service` that was here before us: held by a drop-in while ours has its port, and given back.

The unit itself is never edited, disabled or masked. A drop-in with a condition keeps it from being started, also at the
next boot; without the drop-in it is byte for byte what it was, enabled or not as before. Whether it ran is remembered
beside it, before it is stopped.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from pathlib import Path

import msgspec

from jetson_deploy.runtime.systemd.instance import written
from jetson_deploy.runtime.systemd.wire import Systemctl
from jetson_deploy.settings import OLLAMA_PORT
from jetson_deploy.store.whole_file import read_bounded, replace_whole

UNIT = "ollama.service"
_DROP_IN = "jetson-deploy.conf"
_MARK = "jetson-deploy.held.json"
_MOST_BYTES = 4096
_STOP_SECONDS = 90.0
_TEXT = """\
# Written by jetson-deploy: a deployment of it serves on this unit's port. `jetson-deploy down` removes this file.
[Unit]
ConditionPathExists=!{mark}
"""


class Held(msgspec.Struct, frozen=True, kw_only=True):
    was_active: bool
    made_directory: bool
    """Its directory of drop-ins was not there before."""


class Foreign(msgspec.Struct, frozen=True, kw_only=True):
    """The unit as systemd knows it."""

    active: bool
    user: str
    group: str
    environment: dict[str, str]
    main_pid: int

    @property
    def port(self) -> int:
        return port_in(self.environment)


def port_in(environment: Mapping[str, str]) -> int:
    """On which an Ollama listens."""
    last = environment.get("OLLAMA_HOST", "").rpartition(":")[2].rstrip("/")
    return int(last) if last.isascii() and last.isdigit() and len(last) < 6 else OLLAMA_PORT


def look(systemctl: Systemctl) -> Foreign | None:
    """None: there is no such unit."""
    names = ("LoadState", "ActiveState", "User", "Group", "Environment", "MainPID")
    shown = systemctl.show(UNIT, names)
    if shown.get("LoadState") != "loaded":
        return None
    pid = shown.get("MainPID", "")
    return Foreign(
        active=shown.get("ActiveState") in ("active", "activating", "reloading"),
        user=shown.get("User", ""),
        group=shown.get("Group", ""),
        environment=_environment(shown.get("Environment", "")),
        main_pid=int(pid) if pid.isascii() and pid.isdigit() else 0,
    )


def hold(directory: Path, systemctl: Systemctl) -> None:
    """Out of the way, now and at the next boot. `directory`: of units. What is held already stays as remembered."""
    found = look(systemctl)
    if found is None:
        return
    drop_ins, mark = directory / f"{UNIT}.d", directory / _MARK
    if not mark.exists():
        held = Held(was_active=found.active, made_directory=not drop_ins.exists())
        replace_whole(mark, msgspec.json.encode(held))
    text = _TEXT.format(mark=mark).encode()
    drop_in = drop_ins / _DROP_IN
    if not drop_in.exists() or drop_in.read_bytes() != text:
        replace_whole(drop_in, text)
        systemctl.act("daemon-reload")
    if found.active:
        systemctl.act("stop", UNIT, more=_STOP_SECONDS)


def give_back(directory: Path, systemctl: Systemctl) -> None:
    """As it was: its unit without our drop-in, and running if it ran. The mark goes last."""
    mark = directory / _MARK
    if not mark.exists():
        return
    try:
        held = msgspec.json.decode(read_bounded(mark, _MOST_BYTES) or b"", type=Held)
    except msgspec.MsgspecError:
        held = Held(was_active=True, made_directory=False)  # damaged: rather a server too many than one too few
    drop_ins = directory / f"{UNIT}.d"
    (drop_ins / _DROP_IN).unlink(missing_ok=True)
    if held.made_directory and drop_ins.is_dir() and not any(drop_ins.iterdir()):
        drop_ins.rmdir()
    systemctl.act("daemon-reload")
    if held.was_active and (found := look(systemctl)) is not None and not found.active:
        systemctl.act("start", UNIT)
    mark.unlink(missing_ok=True)


class Service:
    """The unit of one host; `directory`: of its units. What cannot be written raises PreflightError."""

    def __init__(self, directory: Path, systemctl: Systemctl) -> None:
        self._directory, self._systemctl = directory, systemctl

    @property
    def held(self) -> bool:
        return (self._directory / _MARK).exists()

    def make_room(self, environment: Mapping[str, str]) -> None:
        """Held from here on, where it would want the port that this environment names."""
        found = look(self._systemctl)
        if found is not None and found.port == port_in(environment):
            written(lambda: hold(self._directory, self._systemctl))

    def release(self, ports: Container[int]) -> None:
        """Given back, unless something of ours is to listen on its port still: on one of `ports`."""
        if self.held and ((found := look(self._systemctl)) is None or found.port not in ports):
            written(lambda: give_back(self._directory, self._systemctl))


def _environment(text: str) -> dict[str, str]:
    """As `systemctl show` writes it: words, in quotes where they hold a space."""
    import shlex

    try:
        words = shlex.split(text)
    except ValueError:
        words = text.split()
    return {name: value for name, _, value in (word.partition("=") for word in words)}
