"""How much memory a machine needs, so that its kernel says a given MemTotal."""

from __future__ import annotations

_PAGES = 64
"""One part in 64 describes the pages: 64 bytes for each of 4 KiB."""
_KERNEL_KIB = 74 * 1024
"""Code, tables, and what the kernel keeps for itself at boot, measured."""
LEAST_MIB = 512


def machine_mib(mem_total_kib: int) -> int:
    """MiB of the machine whose MemTotal is at least this, and little more."""
    whole = (mem_total_kib + _KERNEL_KIB) * _PAGES / (_PAGES - 1)
    return max(LEAST_MIB, -int(-whole // 1024))
