"""Swap, for everything beside the model, sized by what that leaves: pages of the GPU are never swapped."""

from __future__ import annotations

from jetson_deploy.facts import DiskFacts
from jetson_deploy.prepare.changes import AnyChange, SwitchUnit, unit_state
from jetson_deploy.prepare.edited import line_change
from jetson_deploy.prepare.host_step import Checked, HostStep, Look, ready, to_do, unknown
from jetson_deploy.prepare.machine import UNIT_FOLDERS
from jetson_deploy.prepare.placing import refusal
from jetson_deploy.prepare.swap_and_power import SWAP_FILE, MakeSwap
from jetson_deploy.units import size_text

_GIB = 2**30
BESIDE_MODEL = 6 * _GIB
"""Memory and swap for all that is not the model: a desktop, an image being unpacked, upgrades. A judgement."""
_ROOM = 4
"""So many times the swap has to be free."""
ZRAM_UNIT = "nvzramconfig.service"
_FAST = ("nvme", "sata", "virtual")
"""Cards and eMMC wear out, and are too slow."""
_KINDS = ("ext4", "xfs")
"""Where a file of fallocate(1) may be swapped on."""


def _swap(look: Look) -> Checked:
    memory = look.facts.memory
    if memory.total_bytes is None or memory.swap_total_bytes is None:
        return unknown("memory and swap were not captured")
    zram = min(memory.zram_bytes or 0, memory.swap_total_bytes)
    beside = f", beside {size_text(zram)} of zram" if zram else ""
    if memory.swap_total_bytes > zram:
        return ready(f"{size_text(memory.swap_total_bytes - zram)} of swap are in use{beside}")
    model = look.model()
    if model is None:
        return unknown("no model can be chosen here (jetson-deploy plan says why), so what it leaves is not known")
    left = max(0, memory.total_bytes - model.bytes)
    leaves = f"{model.name} leaves {size_text(left)} of {size_text(memory.total_bytes)} to all else"
    if left >= BESIDE_MODEL:
        return ready(f"none{beside}: {leaves}")
    mib = -(-(BESIDE_MODEL - left) // _GIB) * 1024
    disk = _disk(look.facts.disks, mib)
    if disk is None:
        return ready(f"zram, {size_text(zram)}: no disk here is fast and empty enough") if zram else _zram(look, leaves)
    path = f"{disk.mount.strip('/')}/{SWAP_FILE}".lstrip("/")
    if (look.machine.root / path).exists():
        raise refusal(look.machine.root / path, "is there already, and not in use", "move it away, or --skip swap")
    line = f"/{path} none swap sw,nofail 0 0"
    change, originals = line_change(look.machine, "etc/fstab", line, f"swap on {disk.mount} at boot")
    changes: list[AnyChange] = [MakeSwap(path=path, mib=mib), change]
    if not zram:
        return to_do(f"no swap: {leaves}", *changes, originals=originals)
    off = _without_zram(look)
    takes = "at once; zram goes with the next boot" if off else ""
    now = f"the swap is {size_text(zram)} of zram, which takes the memory that it gives: {leaves}"
    return to_do(now, *changes, *off, originals=originals, takes_effect=takes)


def _zram(look: Look, leaves: str) -> Checked:
    """L4T's own, where there is no better place: idle pages take less there."""
    if not _has_zram(look):
        return ready("none, no disk here is fast and empty enough for it, and L4T's zram is not here")
    enabled, active = unit_state(look.machine, ZRAM_UNIT)
    if enabled or active:
        return ready(f"none now, no disk here is fast and empty enough for it, and {ZRAM_UNIT} makes zram at boot")
    on = SwitchUnit(unit=ZRAM_UNIT, on=True, was_enabled=False, was_active=False, once=True)
    return to_do(f"no swap, and no disk here is fast and empty enough: {leaves}", on)


def _without_zram(look: Look) -> list[SwitchUnit]:
    """L4T's unit makes it at boot. Another program's zram is its owner's."""
    if not _has_zram(look):
        return []
    enabled, active = unit_state(look.machine, ZRAM_UNIT)
    return [SwitchUnit(unit=ZRAM_UNIT, on=False, was_enabled=enabled, was_active=active)] if enabled or active else []


def _has_zram(look: Look) -> bool:
    return any(look.machine.host.exists(f"{folder}/{ZRAM_UNIT}") for folder in UNIT_FOLDERS)


def _disk(disks: tuple[DiskFacts, ...], mib: int) -> DiskFacts | None:
    need = _ROOM * mib * 2**20
    good = [
        one
        for one in disks
        if one.medium in _FAST
        and one.filesystem in _KINDS
        and not (one.read_only or one.removable)
        and (one.free_bytes or 0) >= need
    ]
    return max(good, key=lambda one: one.free_bytes or 0, default=None)


SWAP_STEP = HostStep(id="swap", title="Swap for what is not the model", look=_swap)
