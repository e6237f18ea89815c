"""Memory as the kernel counts it. On a Jetson the GPU's memory is the system's."""

from __future__ import annotations

import re

from jetson_deploy.detect.host import Host
from jetson_deploy.facts import MemoryFacts

PAGE_BYTES = 4096
"""Every L4T kernel up to r39 has 4 KiB pages."""
_LINE = re.compile(r"^([A-Za-z_()0-9]+):[ \t]+([0-9]{1,12}) kB[ \t]*$", re.MULTILINE)
_SWAP = re.compile(r"^(?:/dev/)?zram[0-9]+[ \t]+\S+[ \t]+([0-9]{1,12})[ \t]", re.MULTILINE)
DESKTOP_PROCESSES = (
    *("Xorg", "Xwayland", "weston", "gdm", "lightdm", "sddm"),
    *("gnome-shell", "plasmashell", "kwin_", "mutter", "compiz", "unity-"),
    *("lxsession", "lxpanel", "pcmanfm", "xfwm4", "xfdesktop", "xfce4-", "nautilus-deskto"),
)
"""Starts of process names: display servers, display managers, shells (Unity on r32, LXDE on the Nano 2GB)."""


def memory_facts(host: Host) -> MemoryFacts:
    """From /proc/meminfo, /proc/swaps, /sys/block/zram* and /proc/<pid>. Contradictions become unknown."""
    kib = read_meminfo(host.read_text("proc/meminfo") or "")
    total, available = kib.get("MemTotal"), kib.get("MemAvailable")
    if total is not None and available is not None and available > total:
        host.notes.append("/proc/meminfo: MemAvailable is above MemTotal, so it is not used")
        available = None
    swap = kib.get("SwapTotal")
    return MemoryFacts(
        total_bytes=total or None,
        available_bytes=available,
        swap_total_bytes=swap,
        swap_free_bytes=kib.get("SwapFree"),
        zram_bytes=0 if swap == 0 else _zram_bytes(host),
        desktop_bytes=_desktop_bytes(host),
    )


def read_meminfo(text: str) -> dict[str, int]:
    """Name → bytes. Lines without a kB figure are left out; of repeated names the first counts."""
    found: dict[str, int] = {}
    for name, kib in _LINE.findall(text):
        found.setdefault(name, int(kib) * 1024)
    return found


def _zram_bytes(host: Host) -> int | None:
    swaps = host.read_text("proc/swaps")
    if swaps is not None:
        return sum(int(kib) * 1024 for kib in _SWAP.findall(swaps))
    sizes = [host.read_word(f"sys/block/{n}/disksize") for n in host.names("sys/block") if n.startswith("zram")]
    known = [int(s) for s in sizes if s and s.isascii() and s.isdigit() and len(s) < 16]
    return sum(known) if known else None


def _desktop_bytes(host: Host) -> int | None:
    """None where the processes of others are hidden (hidepid) or were not captured: pid 1 is the proof."""
    if host.read_word("proc/1/comm") is None:
        return None
    pages = 0
    for name in host.names("proc"):
        if name.isascii() and name.isdigit() and _is_desktop(host.read_word(f"proc/{name}/comm")):
            pages += _resident_pages(host.read_word(f"proc/{name}/statm"))
    return pages * PAGE_BYTES


def _is_desktop(comm: str | None) -> bool:
    return comm is not None and comm.startswith(DESKTOP_PROCESSES)


def _resident_pages(statm: str | None) -> int:
    fields = (statm or "").split()
    return int(fields[1]) if len(fields) > 1 and re.fullmatch("[0-9]{1,12}", fields[1]) else 0
