"""Mounted filesystems that hold files, and what they lie on."""

from __future__ import annotations

import re

import msgspec

from jetson_deploy.detect.host import Host
from jetson_deploy.detect.medium import MEMORY, NETWORK, VIRTUAL, medium_of
from jetson_deploy.detect.recorded import RecordedSpace, recorded_disks
from jetson_deploy.facts import DiskFacts

ON_DISK = ("ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "zfs", "bcachefs", "jfs", "reiserfs")
FOREIGN = ("vfat", "msdos", "exfat", "ntfs", "ntfs3", "fuseblk", "squashfs", "iso9660", "erofs")
_SYSTEM = ("/proc", "/sys", "/dev", "/run", "/snap", "/var/lib/snapd")
_LAYER = re.compile(r"/(?:merged|rootfs)$|^/var/lib/(?:docker|containerd|containers|kubelet|rancher|lxc)/")
"""The root of a container, as its engine mounts it."""
_UPPER = "upperdir="
_ESCAPE = re.compile(r"\\([0-7]{3})")
MOUNTS_LIMIT = 1024 * 1024
"""A host with many containers has a line for each of their layers."""


def disk_facts(host: Host, *, live: bool) -> tuple[DiskFacts, ...]:
    """Ordered by mount point; of several mounts on one point the last one counts, as in the kernel."""
    recorded = {} if live else recorded_disks(host)
    found: dict[str, DiskFacts] = {}
    uppers: dict[str, str] = {}
    for line in (host.read_text("proc/mounts", limit=MOUNTS_LIMIT) or "").splitlines():
        fields = line.split()
        if len(fields) >= 4 and _holds_files(mount := unescape(fields[1]), fields[2], host):
            found = {m: d for m, d in found.items() if not _hides(mount, m)}
            found[mount] = _disk(host, unescape(fields[0]), mount, fields, live, recorded)
            uppers[mount] = next((o for o in fields[3].split(",") if o.startswith(_UPPER)), "")
    return tuple(_on_its_upper(found[mount], found, uppers[mount]) for mount in sorted(found))


def _hides(mount: str, other: str) -> bool:
    """A later mount above an earlier one. Not `/`, which stands behind /run and others that it does not hide."""
    return mount != "/" and other.startswith(mount + "/")


def _on_its_upper(disk: DiskFacts, found: dict[str, DiskFacts], upper: str) -> DiskFacts:
    """What is written to an overlay lies where its upper directory does: on a disk, or in memory."""
    if not upper:
        return disk
    others = tuple(d for d in found.values() if d.filesystem != "overlay")
    below = disk_of(others, unescape(upper.removeprefix(_UPPER)))
    if below is None or (below.mount == "/" and disk.mount == "/"):
        return disk
    return msgspec.structs.replace(disk, medium=below.medium, removable=below.removable)


def disk_of(disks: tuple[DiskFacts, ...], path: str) -> DiskFacts | None:
    """The filesystem that a path lies on: the longest mount point above it."""
    above = [d for d in disks if path == d.mount or path.startswith(d.mount.rstrip("/") + "/")]
    return max(above, key=lambda d: len(d.mount), default=None)


def _disk(
    host: Host, device: str, mount: str, fields: list[str], live: bool, recorded: dict[str, RecordedSpace]
) -> DiskFacts:
    filesystem, options = fields[2], fields[3].split(",")
    medium, removable = medium_of(host, device, filesystem)
    # A network filesystem whose server is gone blocks statvfs for ever.
    space = host.space(mount) if live and medium != "network" else None
    captured = recorded.get(mount, RecordedSpace())
    return DiskFacts(
        mount=mount,
        device=device,
        filesystem=filesystem,
        medium=medium,
        total_bytes=space[0] if space else captured.total_bytes,
        free_bytes=space[1] if space else captured.free_bytes,
        read_only="ro" in options,
        removable=removable,
    )


def _holds_files(mount: str, filesystem: str, host: Host) -> bool:
    """Leaves out the kernel's own filesystems, container layers, snaps, and bind mounts of single files."""
    if filesystem == "overlay" and _LAYER.search(mount):
        return False
    if filesystem not in ON_DISK + FOREIGN + NETWORK + MEMORY + VIRTUAL or not mount.startswith("/"):
        return False
    inside_system = any(mount == s or mount.startswith(s + "/") for s in _SYSTEM)
    if inside_system and not mount.startswith("/run/media/"):
        return False
    # Not asked of a network filesystem: `stat` hangs with a server that is gone.
    return filesystem in NETWORK or host.is_directory(mount) or not host.exists(mount)


def unescape(text: str) -> str:
    r"""`\040` is a space in /proc/mounts."""
    return _ESCAPE.sub(lambda m: chr(int(m[1], 8)), text)
