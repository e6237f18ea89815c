"""qemu's command line for a board: pure."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from jetson_deploy.rehearsal.virtual import to_loopback
from jetson_deploy.rehearsal.virtual.wanted import Disk, Wanted

PROGRAM = "qemu-system-aarch64"
PROCESSOR = "cortex-a76"
GATE = "10.0.2.100"
"""Where a board finds what this machine's loopback has; it reaches nothing else."""
Cache = Literal["writeback", "none", "unsafe", "directsync"]
FORGETFUL = "forgetful"
"""The socket of a disk that forgets, in a board's directory."""
_HERE = "127.0.0.1"


def hardware(wanted: Wanted) -> list[str]:
    """What the device tree is made for."""
    # Untouched memory costs nothing, and would be counted: a board may have more than this machine.
    memory = f"memory-backend-ram,id=ram,size={wanted.memory_mib}M,reserve=off"
    return [
        *("-cpu", PROCESSOR, "-smp", str(wanted.processors), "-m", str(wanted.memory_mib)),
        *("-object", memory, "-display", "none"),
    ]


def tree_command(wanted: Wanted, target: Path) -> list[str]:
    """Writes qemu's own device tree of this hardware, and ends."""
    return [PROGRAM, "-M", f"virt,memory-backend=ram,dumpdtb={_path(target)}", "-nic", "none", *hardware(wanted)]


def start_command(
    wanted: Wanted,
    directory: Path,
    *,
    cache: Cache = "writeback",
    without: Sequence[str] = (),
    load: str | None = None,
    forgets: bool = False,
) -> list[str]:
    """`without`: disks that are not plugged in this time; `load`: the saved state that it goes on from; `forgets`: its
    disk lies behind a server's cache."""
    root = f"file={_path(directory / 'disk.qcow2')}"
    if forgets:
        root = f"file.driver=nbd,file.server.type=unix,file.server.path={_path(directory / FORGETFUL)}"
    return [
        *(PROGRAM, "-name", wanted.name, "-M", "virt,memory-backend=ram", *hardware(wanted)),
        *("-accel", "tcg,thread=multi,tb-size=512", "-dtb", str(directory / "board.dtb")),
        *("-kernel", str(Path(wanted.base) / "vmlinuz"), "-initrd", str(directory / "initrd.img")),
        *("-append", kernel_words(wanted)),
        *("-chardev", f"file,id=console,path={_path(directory / 'console')},append=on", "-serial", "chardev:console"),
        *("-qmp", f"unix:{_path(directory / 'qmp')},server=on,wait=off", "-monitor", "none"),
        *_drive("root", root, cache, "virtio-blk-pci"),
        *(word for disk in wanted.disks if disk.name not in without for word in _second(disk, directory, cache)),
        *("-netdev", network(wanted), "-device", "virtio-net-pci,netdev=n,romfile="),
        *("-device", "virtio-rng-pci", "-device", "virtio-balloon-pci,free-page-reporting=on"),
        *(["-rtc", f"base={wanted.clock},clock=vm"] if wanted.clock else []),
        *(["-loadvm", load] if load else []),
    ]


def kernel_words(wanted: Wanted) -> str:
    words = ["console=ttyAMA0", "root=/dev/vda", "rw", "quiet", "systemd.show_status=1"]
    if "apparmor=" not in wanted.append:
        words.append("apparmor=0")
    return " ".join([*words, wanted.append]).strip()


def network(wanted: Wanted) -> str:
    """ssh from this machine's loopback; out of the board nothing but the forwards."""
    pipe = _path(shlex.join([sys.executable, "-IS", to_loopback.__file__]))
    forwards = [f"guestfwd=tcp:{GATE}:{there}-cmd:{pipe} {here}" for there, here in sorted(wanted.forwards.items())]
    return ",".join(["user,id=n,restrict=on", f"hostfwd=tcp:{_HERE}:{wanted.port}-:22", *forwards])


def _second(disk: Disk, directory: Path, cache: Cache) -> list[str]:
    device = "nvme" if disk.kind == "nvme" else "virtio-blk-pci"
    file = f"file={_path(directory / f'{disk.name}.qcow2')}"
    return _drive(disk.name, file, cache, f"{device},serial={disk.name}")


def _drive(name: str, file: str, cache: Cache, device: str) -> list[str]:
    drive = f"{file},format=qcow2,if=none,id={name},cache={cache},discard=unmap,detect-zeroes=unmap"
    kind, _, rest = device.partition(",")
    return ["-drive", drive, "-device", ",".join(filter(None, [kind, f"drive={name}", rest]))]


def _path(path: object) -> str:
    """A comma ends a value there, two are one."""
    return str(path).replace(",", ",,")
