"""A real systemd as the init of its own PID, mount, cgroup, network and UTS namespaces, with a handful of units."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

PROGRAM = Path("/lib/systemd/systemd")
_V2 = Path("/sys/fs/cgroup/cgroup.controllers")
_TARGETS = ("sysinit.target", "basic.target", "shutdown.target", "multi-user.target")
_INIT = """set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system /run/lock
mount -t tmpfs tmpfs /sys/fs/cgroup
{cgroup}
mount -t tmpfs tmpfs /etc/systemd/system
cp -a {units}/. /etc/systemd/system
export container=test SYSTEMD_UNIT_PATH=/etc/systemd/system
exec {program} --system --unit=multi-user.target --log-target=console --show-status=0 --log-level=notice
"""
_CGROUP_V1 = "mkdir /sys/fs/cgroup/systemd && mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd"
_CGROUP_V2 = "umount /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup"


class SmallSystemd:
    def __init__(self, pid: int) -> None:
        self.pid = pid

    def systemctl(self, *arguments: str) -> str:
        return self.run("systemctl", *arguments)

    def run(self, *argv: str, environment: Mapping[str, str] | None = None) -> str:
        """Inside; its standard output. Fails the test when it fails."""
        enter = ["nsenter", f"--target={self.pid}", "--mount", "--pid", "--net"]
        # systemctl enable works on the files itself, and must look where this systemd does.
        variables = {**os.environ, "SYSTEMD_UNIT_PATH": "/etc/systemd/system", **(environment or {})}
        done = subprocess.run([*enter, *argv], env=variables, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (argv, done.stderr)
        return done.stdout.strip()

    def shown(self, unit: str, name: str) -> str:
        return self.systemctl("show", "--value", f"--property={name}", unit)

    def journal(self, unit: str) -> str:
        return self.run("journalctl", "--no-pager", "--output=cat", f"--unit={unit}")

    def kill(self, unit: str, number: signal.Signals) -> None:
        self.systemctl("kill", "--kill-whom=main", f"--signal={number.name}", unit)


@contextlib.contextmanager
def booted(folder: Path, wanted: tuple[str, ...], network: str = "") -> Iterator[SmallSystemd]:
    """Boots the units that lie in `folder`/units and are `wanted`; ends with the block, with all their processes.

    `network`: a named namespace whose network it has; else one of its own.
    """
    if not PROGRAM.exists() or shutil.which("unshare") is None:
        pytest.skip("no systemd here (scripts/apt-install systemd)")
    units = folder / "units"
    for name in _TARGETS:
        (units / name).write_text("[Unit]\nDefaultDependencies=no\n")
    wants = units / "multi-user.target.wants"
    wants.mkdir(exist_ok=True)
    for name in wanted:
        (wants / name).unlink(missing_ok=True)
        (wants / name).symlink_to(f"../{name.partition('@')[0]}@.service" if "@" in name else f"../{name}")
    cgroups = [path / f"jd-test-{os.getpid()}" for path in _own_cgroups()]
    script = folder / "init.sh"
    script.write_text(_INIT.format(cgroup=_CGROUP_V2 if _V2.exists() else _CGROUP_V1, units=units, program=PROGRAM))
    for path in cgroups:
        path.mkdir()
    # First into the cgroups, then the namespace: what systemd takes for the roots are these directories.
    moves = "".join(f"echo $$ > {path}/cgroup.procs && " for path in cgroups)
    net = f"nsenter --net=/run/netns/{network} unshare" if network else "unshare -n"
    inside = f"{moves}exec {net} -m -p -f -C -u -i --mount-proc bash {script}"
    with (folder / "log").open("wb") as log:
        outer = subprocess.Popen(["bash", "-c", inside], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        yield SmallSystemd(_init_of(outer, folder))
    finally:
        for pid in _children(outer.pid):  # the namespace's init: all within die with it
            os.kill(pid, signal.SIGKILL)
        outer.kill()
        outer.wait()
        for path in cgroups:
            _remove(path)


def _own_cgroups() -> list[Path]:
    """Of every hierarchy that systemd would use. Not cpuset: a new one takes nobody in until it was given CPUs."""
    found = []
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, names, path = line.split(":", 2)
        mount = Path("/sys/fs/cgroup")
        if not _V2.exists():
            mount /= names.removeprefix("name=") or "unified"
        if "cpuset" not in names and mount.is_dir():
            found.append(mount / path.lstrip("/"))
    return found


def _init_of(outer: subprocess.Popen[bytes], folder: Path) -> int:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert outer.poll() is None, (folder / "log").read_text()
        for pid in _children(outer.pid):
            with contextlib.suppress(AssertionError):
                SmallSystemd(pid).systemctl("is-active", "basic.target", "multi-user.target")
                return pid
        time.sleep(0.2)
    raise AssertionError((folder / "log").read_text())


def _children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def _remove(cgroup: Path) -> None:
    deadline = time.monotonic() + 10
    while cgroup.exists() and time.monotonic() < deadline:
        for path in sorted((p for p in cgroup.rglob("*") if p.is_dir()), key=lambda p: -len(p.parts)):
            with contextlib.suppress(OSError):
                path.rmdir()
        with contextlib.suppress(OSError):
            cgroup.rmdir()
        time.sleep(0.1)
