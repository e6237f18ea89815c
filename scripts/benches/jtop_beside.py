"""jtop, its service and its client, on a captured board: in a mount namespace whose /sys is the board's.

jetson-stats is brought into a throw-away environment: it is AGPL, and nobody but this measurement needs it. What it
insists on and no capture holds (DMI, cpuinfo_*_freq) is filled in from the board's own values.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benches.workplace import note

_INSIDE = """\
set -e
mount --make-rprivate /
mount -t tmpfs none /run
mkdir -p /run/lock
mount --bind {work}/etc /etc
mount --bind {board}/sys /sys
mount --bind {board}/proc/stat /proc/stat
JTOP_SERVICE=true {python} -m jtop --force >{work}/service.log 2>&1 &
echo $! >{work}/service.pid
until [ -S /run/jtop.sock ]; do sleep 0.1; done
exec {python} -c '
import time
from jtop import jtop
with jtop(interval=1.0) as board:
    while board.ok():
        board.stats, board.gpu, board.memory, board.power, board.temperature, board.fan, board.engine, board.cpu
'
"""


class Jtop(NamedTuple):
    client: int
    service: tuple[int, ...]
    """The service and its two helpers."""
    version: str


@contextlib.contextmanager
def jtop(board: Path, work: Path) -> Iterator[Jtop]:
    """Client and service under way at 1 Hz."""
    python = _installed(work)
    own = _filled(board, work)
    shutil.copytree("/etc", work / "etc", symlinks=True, ignore_dangling_symlinks=True)
    for name in ("nv_tegra_release", "nvpmodel.conf"):
        shutil.copy(own / "etc" / name, work / "etc" / name)
    with (work / "etc/group").open("a") as groups:
        groups.write("jtop:x:990:\n")
    script = _INSIDE.format(work=work, board=own, python=python)
    client = subprocess.Popen(["unshare", "-m", "bash", "-c", script], stderr=subprocess.DEVNULL)
    try:
        service = _service(work, client)
        yield Jtop(client.pid, service, _version(python))
    finally:
        client.kill()
        client.wait()
        for pid in _pids(work):
            with contextlib.suppress(ProcessLookupError):
                subprocess.run(["kill", "-9", str(pid)], check=False, stderr=subprocess.DEVNULL)


def _installed(work: Path) -> Path:
    note("bringing jetson-stats into a throw-away environment")
    subprocess.run([sys.executable, "-m", "venv", str(work / "venv")], check=True)
    python = work / "venv/bin/python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "jetson-stats>=7.2"], check=True)
    return python


def _version(python: Path) -> str:
    code = "import importlib.metadata as m; print(m.version('jetson-stats'))"
    return subprocess.check_output([python, "-c", code], text=True).strip()


def _filled(board: Path, work: Path) -> Path:
    own = work / "board"
    shutil.copytree(board, own, symlinks=True)
    dmi = own / "sys/devices/virtual/dmi/id"
    dmi.mkdir(parents=True)
    for name in ("board_vendor", "board_name", "product_name"):
        (dmi / name).write_text("NVIDIA\n")
    for cpu in (own / "sys/devices/system/cpu").glob("cpu[0-9]*"):
        (cpu / "cpuidle").mkdir()
        for name in ("min", "cur"):
            shutil.copy(cpu / f"cpufreq/scaling_{name}_freq", cpu / f"cpufreq/cpuinfo_{name}_freq")
    return own


def _service(work: Path, client: subprocess.Popen[bytes]) -> tuple[int, ...]:
    ends = time.monotonic() + 30
    while time.monotonic() < ends and client.poll() is None:
        if len(found := _pids(work)) >= 3:
            time.sleep(3)  # its first readings are behind it
            return found
        time.sleep(0.2)
    raise SystemExit(f"jtop's service did not start:\n{(work / 'service.log').read_text()[-2000:]}")


def _pids(work: Path) -> tuple[int, ...]:
    try:
        service = int((work / "service.pid").read_text())
        children = Path(f"/proc/{service}/task/{service}/children").read_text()
    except (OSError, ValueError):
        return ()
    return (service, *map(int, children.split()))
