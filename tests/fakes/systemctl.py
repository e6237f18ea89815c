"""systemctl in memory over a real directory of units: what is loaded, runs, and was told; it can be cut at any act.

systemctl = FakeSystemctl(folder / "units")
systemctl.cut_at = 3            # the third act raises `Killed`, before it is done
systemctl.acts                  # ["daemon-reload", "start jetson-deploy-….service", …]
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path


class Killed(BaseException):
    """The process ends here."""


class FakeSystemctl:
    def __init__(self, units: Path) -> None:
        self.units = units
        self.acts: list[str] = []
        self.loaded: dict[str, str] = {}
        """Unit → its text with its drop-ins', as of the last reload."""
        self.running: dict[str, dict[str, str]] = {}
        """Unit → properties that differ from those of one that runs well."""
        self.ended: dict[str, dict[str, str]] = {}
        self.cut_at = 0
        self._next_pid = 100
        self._reload()

    def act(self, *arguments: str, more: float = 0.0) -> None:
        self.acts.append(" ".join(arguments))
        if len(self.acts) == self.cut_at:
            raise Killed
        if arguments[0] == "daemon-reload":
            self._reload()
        elif arguments[0] == "start":
            self._start(arguments[-1])
        else:
            self._stop(arguments[-1])

    def show(self, unit: str, names: Sequence[str]) -> dict[str, str]:
        found = {"LoadState": "loaded" if unit in self.loaded else "not-found", "ActiveState": "inactive"}
        found |= {"SubState": "dead", "MainPID": "0", "NRestarts": "0", "NeedDaemonReload": "no", "Environment": ""}
        if unit in self.loaded and self._text(unit) != self.loaded[unit]:
            found["NeedDaemonReload"] = "yes"
        if unit in self.running:
            found |= {"ActiveState": "active", "SubState": "running", **self.running[unit]}
        else:
            found |= self.ended.get(unit, {})
        return {name: found[name] for name in names if name in found}

    def journal(self, *arguments: str) -> str:
        return ""

    def follow(self, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(["cat"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)

    def boot(self) -> None:
        """The power comes back: what its links name is started, as far as its conditions hold."""
        self.running, self.ended = {}, {}
        self._reload()
        for link in sorted((self.units / "multi-user.target.wants").glob("*.service")):
            self._start(link.name)

    def _start(self, unit: str) -> None:
        condition = f"ConditionPathExists=!{self.units}/"
        held = any(
            (self.units / line.removeprefix(condition)).exists()
            for line in self.loaded[unit].splitlines()
            if line.startswith(condition)
        )
        if not held:
            self._next_pid += 1
            self.running.setdefault(unit, {"MainPID": str(self._next_pid)})

    def _stop(self, unit: str) -> None:
        if self.running.pop(unit, None) is not None:
            self.ended[unit] = {"ExecMainCode": "1", "ExecMainStatus": "0"}

    def _reload(self) -> None:
        self.loaded = {path.name: self._text(path.name) for path in self.units.glob("*.service")}

    def _text(self, unit: str) -> str:
        paths = (self.units / unit, *sorted((self.units / f"{unit}.d").glob("*.conf")))
        return "".join(path.read_text() for path in paths if path.exists())
