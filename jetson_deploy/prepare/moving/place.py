"""Where data go: a disk that is fast, that the boot mounts, and that takes what an engine keeps."""

from __future__ import annotations

import re

from jetson_deploy.detect.mounts import disk_of
from jetson_deploy.errors import PreflightError
from jetson_deploy.facts import DiskFacts
from jetson_deploy.prepare.host_step import Look
from jetson_deploy.prepare.machine import UNIT_FOLDERS, Machine
from jetson_deploy.prepare.placing import refusal

_SLOW = ("emmc", "sd", "usb")
_FAST = ("nvme", "sata")
_KINDS = ("ext4", "xfs")
"""On another one Docker picks another storage driver, and shows no image."""
_PLAIN = re.compile(r"[A-Za-z0-9._/+@-]+")
"""What stands in JSON, in TOML and in a unit file as it is."""


def wanted_disk(look: Look, path: str) -> DiskFacts | str:
    """The disk that what lies at `path` is to move to, or why it stays. Raises PreflightError."""
    now = disk_of(look.facts.disks, path)
    if look.disk is not None:
        named = next((one for one in look.facts.disks if one.mount == look.disk), None)
        if named is None:
            raise PreflightError(
                f"no filesystem is mounted at {look.disk}",
                hint="mount the disk first, also in /etc/fstab: lsblk shows what is there",
                code="disk-not-mounted",
            )
        return f"{path} lies there" if _same(now, named) else named
    if now is None or now.medium is None:
        return f"what {path} lies on is not known: --disk DIR names where it is to go"
    if now.medium not in _SLOW:
        return f"{path} lies on {now.medium}"
    fast = [one for one in look.facts.disks if one.medium in _FAST and one.filesystem in _KINDS and not one.read_only]
    if not fast:
        return f"{path} lies on {now.medium}, and no NVMe or SATA disk is mounted"
    return min(fast, key=lambda one: (_FAST.index(one.medium or ""), -(one.free_bytes or 0), one.mount))


def _same(now: DiskFacts | None, named: DiskFacts) -> bool:
    """An engine may have bound its directory to itself, which is then a mount of the same device."""
    if now is None or not (named.device or "").startswith("/dev/"):
        return now == named
    return now.device == named.device


def check_disk(machine: Machine, disk: DiskFacts) -> None:
    """Raises PreflightError where an engine cannot live there, or would not find its data after a boot."""
    mount = machine.root / disk.mount.lstrip("/")
    if disk.read_only:
        raise refusal(mount, "is mounted read-only", f"mend it: sudo mount -o remount,rw {disk.mount}; journalctl -k")
    if disk.filesystem not in _KINDS:
        raise refusal(mount, f"is {disk.filesystem}, and an engine's data need ext4 or xfs", "name another with --disk")
    if not _PLAIN.fullmatch(disk.mount):
        raise refusal(mount, "has a name that configurations would have to quote", "mount it under a plain name")
    if not _at_boot(machine, disk.mount):
        raise refusal(mount, "is not mounted at boot: Docker would begin with nothing", "add it to /etc/fstab")


def _at_boot(machine: Machine, mount: str) -> bool:
    if mount == "/":
        return True
    fields = [line.split() for line in (machine.host.read_text("etc/fstab") or "").splitlines()]
    if any(one[1] == mount and "noauto" not in one[3].split(",") for one in fields if len(one) > 3):
        return True
    name = mount.strip("/").replace("-", r"\x2d").replace("/", "-")
    return any(machine.host.exists(f"{folder}/{name}.mount") for folder in UNIT_FOLDERS)
