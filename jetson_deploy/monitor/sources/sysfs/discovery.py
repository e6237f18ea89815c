"""Find the files of this board. Costs ten times as much as a sample, so it is done rarely."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import msgspec

from jetson_deploy.monitor.sources.sysfs.cpu import CpuFiles, find_cpus
from jetson_deploy.monitor.sources.sysfs.disks import Place, find_disks
from jetson_deploy.monitor.sources.sysfs.edac import CounterFiles, find_memory_errors
from jetson_deploy.monitor.sources.sysfs.fans import FanFiles, find_fans
from jetson_deploy.monitor.sources.sysfs.files import Files
from jetson_deploy.monitor.sources.sysfs.gpu import EmcFiles, EngineFiles, GpuFiles, find_emc, find_engines, find_gpus
from jetson_deploy.monitor.sources.sysfs.hwmon import find_hwmons
from jetson_deploy.monitor.sources.sysfs.memory_files import MemoryFiles, find_memory
from jetson_deploy.monitor.sources.sysfs.mode import ModeReader
from jetson_deploy.monitor.sources.sysfs.overcurrent import LineFiles, find_lines
from jetson_deploy.monitor.sources.sysfs.rails import RailFiles, find_rails
from jetson_deploy.monitor.sources.sysfs.thermal import (
    CoolerFiles,
    ZoneFiles,
    find_coolers,
    find_throttle_events,
    find_zones,
)
from jetson_deploy.monitor.sources.sysfs.tree import Tree

_BOOT_ID = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Found(msgspec.Struct, frozen=True, kw_only=True):
    stat: str | None
    uptime: str | None
    boot: str | None
    boot_id: str | None
    gpus: tuple[GpuFiles, ...]
    engines: tuple[EngineFiles, ...]
    emc: EmcFiles
    cpus: CpuFiles
    memory: MemoryFiles
    memory_errors: CounterFiles
    zones: tuple[ZoneFiles, ...]
    coolers: tuple[CoolerFiles, ...]
    throttle_events: tuple[tuple[str, str], ...]
    over_currents: tuple[LineFiles, ...]
    rails: tuple[RailFiles, ...]
    fans: tuple[FanFiles, ...]
    mode: ModeReader
    disks: tuple[Place, ...]


def discover(root: Path, places: Mapping[str, Path] | None) -> Found:
    """Never raises for what lies below the root."""
    tree = Tree(root)
    hwmons = find_hwmons(tree)
    boot = tree.place("proc/sys/kernel/random/boot_id")
    return Found(
        stat=tree.place("proc/stat"),
        uptime=tree.place("proc/uptime"),
        boot=boot,
        boot_id=read_boot_id(tree.files, boot),
        gpus=find_gpus(tree),
        engines=find_engines(tree),
        emc=find_emc(tree),
        cpus=find_cpus(tree),
        memory=find_memory(tree),
        memory_errors=find_memory_errors(tree),
        zones=find_zones(tree),
        coolers=find_coolers(tree),
        throttle_events=find_throttle_events(tree),
        over_currents=find_lines(hwmons),
        rails=find_rails(tree, hwmons),
        fans=find_fans(tree, hwmons),
        mode=ModeReader(tree),
        disks=find_disks(places) if places else (),
    )


def read_boot_id(files: Files, path: str | None) -> str | None:
    text = files.start(path)
    return text.strip().decode("ascii") if text and _BOOT_ID.fullmatch(text.strip()) else None
