"""A board as tests want it, for what is written of it before qemu is started."""

from __future__ import annotations

from pathlib import Path

from jetson_deploy.rehearsal.virtual.wanted import Wanted


def wanted(base: Path = Path("/base"), **fields: object) -> Wanted:
    given = {
        "name": "a1",
        "base": str(base),
        "model": "NVIDIA Jetson Orin Nano Developer Kit",
        "compatible": ["nvidia,p3768-0000+p3767-0005", "nvidia,tegra234"],
        "memory_mib": 2048,
        "port": 22001,
        **fields,
    }
    return Wanted(**given)  # type: ignore[arg-type]
