"""Path of the model store: the largest suitable disk, and a sentence that gives the reason."""

from __future__ import annotations

import re

from jetson_deploy.detect.host import Host
from jetson_deploy.detect.image_root import followed
from jetson_deploy.detect.mounts import ON_DISK, disk_of
from jetson_deploy.facts import DiskFacts, StoreFacts
from jetson_deploy.units import size_text

GIVEN = "given"
DEFAULT_STORE = "/var/lib/jetson-deploy/models"
_ON_OTHER_DISK = "jetson-deploy/models"
MIN_FREE_BYTES = 2 * 10**9
"""The smallest DeepSeek-R1 has 1.1 GB; a disk with less room than this is none to start a store on."""
_RANK = {"nvme": 0, "sata": 1, "usb": 1, "virtual": 1, None: 2, "emmc": 3, "sd": 5}
_STICK = 4
"""A removable USB disk is a stick: slower than eMMC more often than not, and it can be pulled out."""
_OVERLAY = 6
"""A read-only system with a writable layer: in memory more often than not."""
_OTHERS = ("/var/lib/docker/", "/var/lib/containerd/", "/var/lib/containers/", "/var/lib/kubelet/")
"""Volumes of other programs' containers, which come and go with them."""
_SYSTEM_FOLDERS = ("/etc", "/usr", "/opt", "/lib", "/bin", "/sbin")
"""Overlays over parts of a read-only system: no place for a model."""
_NAMES = {"nvme": "NVMe", "sata": "SATA", "usb": "USB", "virtual": "virtual", "emmc": "eMMC", "sd": "SD card"}


def store_facts(host: Host, disks: tuple[DiskFacts, ...], given: str | None, *, live: bool) -> StoreFacts | None:
    """The given path, else one on the preferred disk; None when disks are known and none can take a store."""
    if given is not None:
        return _at(host, given, disk_of(disks, followed(host, given)), GIVEN, live)
    if not disks:
        return _at(host, DEFAULT_STORE, None, "default place: the disks of this host are not known", live)
    ordered = sorted(_one_per_device(disks), key=_preference)
    roomy = [d for d in ordered if _has_room(d)]
    if not ordered:
        return None
    chosen = (roomy or ordered)[0]
    return _at(host, store_on(chosen, disks), chosen, _why(chosen, ordered, roomy), live)


def unused_nvme(host: Host, disks: tuple[DiskFacts, ...], store: StoreFacts | None) -> list[str]:
    """One sentence for each NVMe disk that is here while the store would be on something slower, unasked."""
    if store is None or store.disk is None or store.why == GIVEN or store.disk.medium == "nvme":
        return []
    mounted = [d for d in disks if d.medium == "nvme"]
    found = [f"the NVMe disk at {d.mount} is not used for the store: {_why_not(d)}" for d in mounted]
    if not mounted:
        idle = [name for name in host.names("sys/block") if re.fullmatch(r"nvme[0-9]+n[0-9]+", name)]
        found = [f"the NVMe disk {name} is not mounted: the store would be faster on it" for name in sorted(idle)]
    return found


def _why_not(disk: DiskFacts) -> str:
    if disk.read_only:
        return "it is mounted read-only"
    if disk.filesystem not in ON_DISK:
        return f"{disk.filesystem} has no owners and no atomic renames; ext4 has"
    if not _has_room(disk):
        return f"{size_text(disk.free_bytes or 0)} are free there"
    return "the mount point belongs to another program"


def _one_per_device(disks: tuple[DiskFacts, ...]) -> list[DiskFacts]:
    """Suitable filesystems; of bind mounts of one device the shortest mount point."""
    found: dict[str, DiskFacts] = {}
    for disk in sorted(disks, key=lambda d: (len(d.mount), d.mount)):
        if _suitable(disk):
            found.setdefault(_source(disk), disk)
    return list(found.values())


def _source(disk: DiskFacts) -> str:
    """Overlays have no device: the name that stands in its place is theirs in common."""
    return disk.mount if disk.filesystem == "overlay" else disk.device or disk.mount


def _suitable(disk: DiskFacts) -> bool:
    """A POSIX filesystem of this host that we may write: renames must be atomic, files may pass 4 GiB."""
    if disk.read_only or disk.medium in ("network", "memory"):
        return False
    if disk.mount == "/boot" or disk.mount.startswith(("/boot/", *_OTHERS)):
        return False
    return disk.filesystem in ON_DISK or (disk.filesystem == "overlay" and not disk.mount.startswith(_SYSTEM_FOLDERS))


def _has_room(disk: DiskFacts) -> bool:
    return disk.free_bytes is None or disk.free_bytes >= MIN_FREE_BYTES


def _preference(disk: DiskFacts) -> tuple[int, int, str]:
    """By medium, then by total size: that does not change between two runs, free space does."""
    return _rank(disk), -(disk.total_bytes or 0), disk.mount


def _rank(disk: DiskFacts) -> int:
    if disk.filesystem == "overlay":
        return _OVERLAY
    return _STICK if disk.medium == "usb" and disk.removable else _RANK.get(disk.medium, 2)


def store_on(chosen: DiskFacts, disks: tuple[DiskFacts, ...]) -> str:
    """The path of a store on that disk."""
    default = disk_of(disks, DEFAULT_STORE)
    if default is not None and _source(default) == _source(chosen):
        return DEFAULT_STORE
    return f"{chosen.mount.rstrip('/')}/{_ON_OTHER_DISK}"


def _why(chosen: DiskFacts, ordered: list[DiskFacts], roomy: list[DiskFacts]) -> str:
    if not roomy:
        return f"no disk has {size_text(MIN_FREE_BYTES)} free; {_name(chosen)} is the preferred one"
    passed = ordered[: ordered.index(chosen)]
    if passed:
        return f"{_name(chosen)}; too little room on {', '.join(_name(d) for d in passed)}"
    others = [d for d in roomy if d is not chosen]
    if not others:
        return f"the only suitable disk is {_name(chosen)}"
    better = _rank(chosen) < _rank(others[0])
    reason = "the fastest kind of disk here" if better else "the largest of its kind"
    return f"{_name(chosen)} is {reason} (others: {', '.join(_name(d) for d in others)})"


def _name(disk: DiskFacts) -> str:
    free = "" if disk.free_bytes is None else f", {size_text(disk.free_bytes)} free"
    return f"the {_NAMES.get(disk.medium or '', 'unknown')} disk at {disk.mount}{free}"


def _at(host: Host, path: str, disk: DiskFacts | None, why: str, live: bool) -> StoreFacts:
    return StoreFacts(
        path=path,
        exists=host.is_directory(path),
        writable=host.writable(path) if live else None,
        disk=disk,
        why=why,
    )
