"""Medium of a block device: NVMe, eMMC, SD, USB, SATA or a VM's disk. From its name and from sysfs."""

from __future__ import annotations

import re

from jetson_deploy.detect.host import Host
from jetson_deploy.facts import Medium

_PARTITION = re.compile(r"(nvme[0-9]+n[0-9]+|mmcblk[0-9]+|loop[0-9]+|md[0-9]+|nbd[0-9]+)(?:p[0-9]+)?$")
_LETTERED = re.compile(r"((?:sd|vd|xvd|hd)[a-z]+)[0-9]*$")
_ROOT_ARGUMENT = re.compile(r"(?:^|\s)root=(/dev/\S+)")
NETWORK = ("nfs", "nfs4", "cifs", "smb3", "smbfs", "ceph", "glusterfs", "lustre", "afs", "fuse.sshfs")
MEMORY = ("tmpfs", "ramfs")
VIRTUAL = ("overlay", "9p", "virtiofs")
_DEPTH = 4
"""LUKS on LVM on RAID: no board stacks more."""


def medium_of(host: Host, device: str, filesystem: str) -> tuple[Medium | None, bool | None]:
    """Medium, and whether the kernel calls the device removable. None: unknown."""
    if filesystem in NETWORK:
        return "network", None
    if filesystem in MEMORY:
        return "memory", None
    if filesystem in VIRTUAL:
        return "virtual", None
    block = _block_device(host, device)
    return (None, None) if block is None else (_medium(host, block, _DEPTH), _flag(host, block))


def _block_device(host: Host, device: str) -> str | None:
    """`/dev/nvme0n1p1` → `nvme0n1`; links (/dev/mapper/x, /dev/disk/by-uuid/x) are followed."""
    if device == "/dev/root":
        argument = _ROOT_ARGUMENT.search(host.read_text("proc/cmdline", quiet=True) or "")
        device = argument[1] if argument else device
    if not device.startswith("/dev/"):
        return None
    name = (host.link(device.lstrip("/")) or device).rpartition("/")[2]
    match = _PARTITION.match(name) or _LETTERED.match(name)
    return match[1] if match else name


def _medium(host: Host, block: str, depth: int) -> Medium | None:
    if block.startswith("nvme"):
        return "nvme"
    if block.startswith("mmcblk"):
        return _card(host, block)
    if block.startswith(("vd", "xvd", "loop")):
        return "virtual"
    if block.startswith(("nbd", "rbd")):
        return "network"
    if block.startswith(("zram", "ram")):
        return "memory"
    if block.startswith("sd"):
        return _scsi(host, block)
    return _stacked(host, block, depth)


def _card(host: Host, block: str) -> Medium | None:
    kind = host.read_word(f"sys/block/{block}/device/type")
    if kind == "MMC":
        return "emmc"
    return "sd" if kind == "SD" else None


def _scsi(host: Host, block: str) -> Medium | None:
    """A USB disk's sysfs path runs through its USB port."""
    path = f"/{host.real(f'sys/block/{block}') or ''}"
    if "/usb" in path:
        return "usb"
    if "/virtio" in path:
        return "virtual"
    return "sata" if "/ata" in path or "/host" in path else None


def _stacked(host: Host, block: str, depth: int) -> Medium | None:
    """dm-*, md*: the medium of what lies below, when it is all of one kind."""
    below = host.names(f"sys/block/{block}/slaves") if depth else []
    media = {_medium(host, _parent(name), depth - 1) for name in below}
    return media.pop() if len(media) == 1 else None


def _parent(name: str) -> str:
    match = _PARTITION.match(name) or _LETTERED.match(name)
    return match[1] if match else name


def _flag(host: Host, block: str) -> bool | None:
    value = host.read_word(f"sys/block/{block}/removable")
    return value == "1" if value in ("0", "1") else None
