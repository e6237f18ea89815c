"""`prepare` typed on a booted board, with the systemd and the Docker Engine of its own."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from jetson_deploy.rehearsal.fleet.fleet import Fleet

PREPARE = "env -u JETSON_DEPLOY_REHEARSAL jetson-deploy prepare"
SECONDS = 300.0
"""Two cores are shared with other tests' engines."""


class PreparedBoard:
    """A booted board, and `prepare` on it as on a board that is no rehearsal."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet, self.place = fleet, fleet.places[0]

    def sh(self, script: str) -> str:
        return self.fleet.ssh(self.place, script, seconds=SECONDS).stdout

    def put(self, path: str, text: str) -> None:
        script = f"mkdir -p {path.rpartition('/')[0]}; cat >{path}"
        self.fleet.inside(self.place, "sh", "-c", script, stdin=text)

    def prepare(self, words: str, code: int = 0, *, before: str = "") -> dict[str, Any]:
        """`before`: variables."""
        return self._said(f"{before} {PREPARE} {words} --json", code)

    def doctor(self) -> dict[str, Any]:
        """Of the rehearsed board, whose processor is not this machine's."""
        return self._said("jetson-deploy doctor --json", None)

    def _said(self, command: str, code: int | None) -> dict[str, Any]:
        """`code`: None: any."""
        done = self.fleet.ssh(self.place, f"{command}; said=$?; echo; echo $said", seconds=SECONDS)
        document, _, said = done.stdout.strip().rpartition("\n")
        assert code is None or said == str(code), done.stdout + done.stderr
        found: dict[str, Any] = json.loads(document)
        return found


def until(holds: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.2)


@contextlib.contextmanager
def mounted_disk(fleet: Fleet, image: Path, *, gib: int = 1) -> Iterator[str]:
    """An ext4, mounted at /ssd of the board alone; the name of its device."""
    with image.open("wb") as file:
        file.truncate(gib << 30)
    ran("mkfs.ext4", "-q", str(image))
    device = Path(ran("losetup", "--find", "--show", str(image)))
    try:
        number = device.stat().st_rdev
        init = str(fleet.init_of(fleet.places[0]))
        inside = f"mknod {device} b {number >> 8} {number & 255}; mkdir -p /ssd; mount {device} /ssd"
        ran("nsenter", f"--target={init}", "--mount", "--root", "sh", "-ec", inside)
        yield device.name
    finally:
        ran("losetup", "--detach", str(device))


def ran(*command: str) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"
    return done.stdout.strip()
