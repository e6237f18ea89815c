"""How much memory a machine needs, so that its kernel says a given MemTotal."""

from __future__ import annotations

_PAGES = 1 / 64
"""64 bytes for each page of 4 KiB."""
_TABLES = 0.0033
"""Of the kernel's hash tables, which grow with the memory."""
_KERNEL_MIB = 24
_BOUNCE_MIB = 64
"""For devices that cannot reach memory above 4 GiB (swiotlb), where there is such."""
_BOUNCE_FROM_MIB = 3072
LEAST_MIB = 512


def machine_mib(mem_total_kib: int) -> int:
    """MiB of the machine whose MemTotal is this: within 3 MiB of 2 to 16 GB, 11 of 64 GB, 75 of 128 GB (on 6.1)."""
    wanted = mem_total_kib / 1024 + _KERNEL_MIB
    plain = wanted / (1 - _PAGES - _TABLES)
    if plain > _BOUNCE_FROM_MIB:
        plain = (wanted + _BOUNCE_MIB) / (1 - _PAGES - _TABLES)
    return max(LEAST_MIB, round(plain))
