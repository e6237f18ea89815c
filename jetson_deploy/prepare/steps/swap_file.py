"""Swap, for everything beside the model: pages of the GPU are never swapped."""

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
SWAP_MIB = 4096
SMALL_BYTES = 17 * _GIB
"""Boards above have memory to spare for what is not the model."""
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
    if memory.total_bytes > SMALL_BYTES:
        return ready(f"none{beside}, and {size_text(memory.total_bytes)} of memory need none")
    disk = _disk(look.facts.disks)
    if disk is None:
        return ready(f"none{beside}, and no disk here is fast enough, and empty enough, for it")
    path = f"{disk.mount.strip('/')}/{SWAP_FILE}".lstrip("/")
    if (look.machine.root / path).exists():
        raise refusal(look.machine.root / path, "is there already, and not in use", "move it away, or --skip swap")
    line = f"/{path} none swap sw,nofail 0 0"
    change, originals = line_change(look.machine, "etc/fstab", line, f"swap on {disk.mount} at boot")
    changes: list[AnyChange] = [MakeSwap(path=path, mib=SWAP_MIB), change]
    if not zram:
        now = f"no swap, and {size_text(memory.total_bytes)} of memory: what is not the model is killed first"
        return to_do(now, *changes, originals=originals)
    now = f"the swap is {size_text(zram)} of zram, which takes the memory that it gives"
    off = _without_zram(look)
    takes = "at once; zram goes with the next boot" if off else ""
    return to_do(now, *changes, *off, originals=originals, takes_effect=takes)


def _without_zram(look: Look) -> list[SwitchUnit]:
    """L4T's unit makes it at boot. Another program's zram is its owner's."""
    if not any(look.machine.host.exists(f"{folder}/{ZRAM_UNIT}") for folder in UNIT_FOLDERS):
        return []
    enabled, active = unit_state(look.machine, ZRAM_UNIT)
    return [SwitchUnit(unit=ZRAM_UNIT, on=False, was_enabled=enabled, was_active=active)] if enabled or active else []


def _disk(disks: tuple[DiskFacts, ...]) -> DiskFacts | None:
    need = _ROOM * SWAP_MIB * 2**20
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
