"""The light engine's containers: kept in a file as a disk keeps them, each running one a process in its own cgroup."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from jetson_deploy.rehearsal.fleet.stand_in.described import container, image, state

_VERSION = re.compile(r":v?(\d+\.\d+\.\d+)")
_CGROUPS = (Path("/sys/fs/cgroup/systemd"), Path("/sys/fs/cgroup"))

_OWN = {"PYTHONPATH": os.environ.get("PYTHONPATH", "")}


class Containers:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.lock = threading.RLock()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        directory.mkdir(parents=True, exist_ok=True)
        self._file = directory / "state.json"
        kept = json.loads(self._file.read_text()) if self._file.exists() else {}
        self.every: dict[str, dict[str, Any]] = kept.get("containers", {})
        self.images: dict[str, dict[str, Any]] = kept.get("images", {})

    def boot(self) -> None:
        """Those that shall run always come back; the others have ended."""
        for found in list(self.every.values()):
            if found["State"]["Status"] == "running":
                _kill(found["State"]["Pid"])  # of an engine that was killed
                found["State"] = state("exited", code=137)
            if found["HostConfig"]["RestartPolicy"]["Name"] in ("always", "unless-stopped"):
                self.start(found)
        self.keep()

    def shut_down(self) -> None:
        """As an engine that is stopped: its containers end, and come back with it."""
        for process in list(self._processes.values()):
            process.kill()
        os._exit(0)

    def keep(self) -> None:
        partial = self._file.with_suffix(".part")
        partial.write_text(json.dumps({"containers": self.every, "images": self.images}))
        partial.replace(self._file)

    def find(self, name: str) -> dict[str, Any] | None:
        for found in self.every.values():
            if name in (found["Id"], found["Name"].lstrip("/")) or (len(name) >= 12 and found["Id"].startswith(name)):
                return found
        return None

    def create(self, name: str, asked: dict[str, Any]) -> dict[str, Any]:
        made = container(secrets.token_hex(32), name, asked, _now())
        self.every[made["Id"]] = made
        self.keep()
        return made

    def start(self, found: dict[str, Any]) -> None:
        if found["Id"] in self._processes:
            return
        argv = [sys.executable, "-S", "-m", "jetson_deploy.rehearsal.fleet.stand_in.light_server", *self._server(found)]
        with self.log(found).open("ab") as log:
            process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=_environment(found) | _OWN
            )
        self._in_own_cgroup(found["Id"], process.pid)
        self._processes[found["Id"]] = process
        found["State"] = state("running", pid=process.pid, started=_now())
        threading.Thread(target=self._watch, args=(found, process), daemon=True).start()
        self.keep()

    def stop(self, found: dict[str, Any], number: int = signal.SIGTERM) -> None:
        process = self._processes.pop(found["Id"], None)
        if process is not None:
            process.send_signal(number)
            process.wait()
        if found["State"]["Status"] == "running":
            found["State"] = state("exited", code=128 + number)
        self.keep()

    def remove(self, found: dict[str, Any]) -> None:
        self.stop(found, signal.SIGKILL)
        self.every.pop(found["Id"], None)
        self.log(found).unlink(missing_ok=True)
        self.keep()

    def pulled(self, name: str) -> None:
        self.images[name] = image(name)
        self.keep()

    def log(self, found: dict[str, Any]) -> Path:
        return self.directory / f"{found['Id']}.log"

    def _server(self, found: dict[str, Any]) -> tuple[str, str, str]:
        mounts = {mount["Destination"]: mount["Source"] for mount in found["Mounts"]}
        models = _environment(found)["OLLAMA_MODELS"]
        manifests = mounts.get(f"{models}/manifests") or f"{mounts.get(models, models)}/manifests"
        version = _VERSION.search(str(found["Config"]["Image"]))
        return (
            version[1] if version else "0.0.0",
            manifests,
            "/etc/rehearsal/server.json",
        )

    def _in_own_cgroup(self, id_: str, pid: int) -> None:
        """By its name the product sees whose process listens."""
        for root in _CGROUPS:
            with contextlib.suppress(OSError):
                group = root / "docker" / id_
                group.mkdir(parents=True, exist_ok=True)
                (group / "cgroup.procs").write_text(str(pid))
                return

    def _watch(self, found: dict[str, Any], process: subprocess.Popen[bytes]) -> None:
        code = process.wait()
        with self.lock:
            if self._processes.get(found["Id"]) is not process:
                return  # stopped on purpose
            del self._processes[found["Id"]]
            found["State"] = state("exited", code=code if code >= 0 else 128 - code)
            again = found["HostConfig"]["RestartPolicy"]["Name"] in ("always", "unless-stopped", "on-failure")
            self.keep()
        if again:
            time.sleep(0.2)
            with self.lock:
                if found["Id"] in self.every:
                    found["RestartCount"] += 1
                    self.start(found)


def _environment(found: dict[str, Any]) -> dict[str, str]:
    return dict(line.partition("=")[::2] for line in found["Config"]["Env"])


def _now() -> str:
    seconds = time.time()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{int(seconds % 1 * 1e9):09d}Z"


def _kill(pid: int) -> None:
    """If it is still a stand-in: after a reboot the number is another's."""
    with contextlib.suppress(OSError):
        if b"light_server" in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGKILL)
