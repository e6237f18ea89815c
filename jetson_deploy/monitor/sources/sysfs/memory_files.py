"""Memory, swap, zram, paging and pressure: all of /proc but zram."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from jetson_deploy.detect.meminfo import PAGE_BYTES, read_meminfo
from jetson_deploy.monitor.board_parts import Memory, Paging, Pressure, Swap, Zram
from jetson_deploy.monitor.sources.sysfs.files import Files
from jetson_deploy.monitor.sources.sysfs.tree import Tree

_BUDDY = re.compile(rb"^Node +[0-9]+, zone +\w+((?: +[0-9]{1,12}){1,20}) *$", re.MULTILINE)
_SWAP = re.compile(rb"^(\S{1,256})\s+(partition|file)\s+([0-9]{1,15})\s+([0-9]{1,15})\s+-?[0-9]{1,9}\s*$", re.MULTILINE)
_SWAPS_HEAD = b"Filename"
_PAGING = re.compile(rb"^(pswpin|pswpout|oom_kill) ([0-9]{1,19})$", re.MULTILINE)
_PRESSURE = re.compile(rb"^(some|full) avg10=([0-9]{1,3}\.[0-9]{1,4}) ", re.MULTILINE)
_ZRAM = re.compile(r"zram[0-9]{1,3}")
_MM_STAT = re.compile(rb"\s*([0-9]{1,19})\s+[0-9]{1,19}\s+([0-9]{1,19})\s.*", re.DOTALL)
_OCTAL = re.compile(rb"\\([0-7]{3})")
_RESOURCES: tuple[Literal["cpu", "memory", "io"], ...] = ("cpu", "memory", "io")
_ZRAM_BYTES = 256


class MemoryFiles(msgspec.Struct, frozen=True, kw_only=True):
    meminfo: str | None
    buddyinfo: str | None
    swaps: str | None
    vmstat: str | None
    zrams: tuple[tuple[str, str], ...]
    """Device and its mm_stat."""
    pressures: tuple[tuple[Literal["cpu", "memory", "io"], str], ...]


def find_memory(tree: Tree) -> MemoryFiles:
    zrams = []
    for name in tree.names("sys/block", _ZRAM):
        device = tree.directory(f"sys/block/{name}")
        stat = device.file("mm_stat") if device else None
        zrams += [(name, stat)] if stat else []
    places = [(resource, tree.place(f"proc/pressure/{resource}")) for resource in _RESOURCES]
    return MemoryFiles(
        meminfo=tree.place("proc/meminfo"),
        buddyinfo=tree.place("proc/buddyinfo"),
        swaps=tree.place("proc/swaps"),
        vmstat=tree.place("proc/vmstat"),
        zrams=tuple(zrams),
        pressures=tuple((resource, place) for resource, place in places if place),
    )


def read_memory(found: MemoryFiles, files: Files) -> tuple[Memory, tuple[Swap, ...] | None]:
    """Memory and swaps. A figure above the whole contradicts itself and is unknown."""
    bytes_of = read_meminfo((files.whole(found.meminfo) or b"").decode("ascii", errors="replace"))
    total = bytes_of.get("MemTotal") or None
    cached, buffers = bytes_of.get("Cached"), bytes_of.get("Buffers")
    memory = Memory(
        total_bytes=total,
        available_bytes=_within(bytes_of.get("MemAvailable"), total),
        free_bytes=_within(bytes_of.get("MemFree"), total),
        cached_bytes=_within(None if cached is None or buffers is None else cached + buffers, total),
        largest_free_block_bytes=parse_buddyinfo(files.whole(found.buddyinfo)),
        gpu_bytes=_within(bytes_of.get("NvMapMemUsed"), total),
    )
    swaps = parse_swaps(files.whole(found.swaps))
    return memory, () if swaps is None and bytes_of.get("SwapTotal") == 0 else swaps


def read_zrams(found: MemoryFiles, files: Files) -> tuple[Zram, ...]:
    texts = ((device, files.start(path, _ZRAM_BYTES)) for device, path in found.zrams)
    matches = ((device, _MM_STAT.fullmatch(text or b"")) for device, text in texts)
    return tuple(
        Zram(device=device, original_bytes=int(match[1]), compressed_bytes=int(match[2]))
        for device, match in matches
        if match
    )


def read_paging(found: MemoryFiles, files: Files) -> Paging:
    counts = {name: int(count) for name, count in _PAGING.findall(files.whole(found.vmstat) or b"")}
    return Paging(
        swapped_in_pages=counts.get(b"pswpin"),
        swapped_out_pages=counts.get(b"pswpout"),
        oom_kills=counts.get(b"oom_kill"),
    )


def read_pressures(found: MemoryFiles, files: Files) -> tuple[Pressure, ...]:
    """Without the CPU's `full`, which the kernel leaves undefined for a whole system."""
    seen = []
    for resource, path in found.pressures:
        for kind, percent in _PRESSURE.findall(files.start(path, 512) or b""):
            if float(percent) <= 100 and (resource, kind) != ("cpu", b"full"):
                named: Literal["some", "full"] = "some" if kind == b"some" else "full"
                seen.append(Pressure(resource=resource, kind=named, ratio=round(float(percent) / 100, 6)))
    return tuple(seen)


def parse_buddyinfo(text: bytes | None) -> int | None:
    """Bytes of the largest free block: columns are 1, 2, 4 … pages."""
    zones = _BUDDY.findall(text or b"")
    orders = [order for zone in zones for order, count in enumerate(zone.split()) if int(count)]
    if not zones:
        return None
    return PAGE_BYTES << max(orders) if orders else 0


def parse_swaps(text: bytes | None) -> tuple[Swap, ...] | None:
    if text is None or not text.startswith(_SWAPS_HEAD):
        return None
    found = {}
    for device, kind, total, used in _SWAP.findall(text):
        if int(used) <= int(total):
            found[device] = _swap(device, kind, int(total), int(used))
    return tuple(found.values())


def _swap(device: bytes, kind: bytes, total: int, used: int) -> Swap:
    name = _OCTAL.sub(lambda m: bytes([int(m[1], 8) & 0xFF]), device).decode("utf-8", errors="replace")
    on_zram = name.rpartition("/")[2].startswith("zram")
    named: Literal["zram", "partition", "file"] = "zram" if on_zram else "file" if kind == b"file" else "partition"
    return Swap(device=name, kind=named, total_bytes=total * 1024, used_bytes=used * 1024)


def _within(value: int | None, whole: int | None) -> int | None:
    return None if value is None or (whole is not None and value > whole) else value
