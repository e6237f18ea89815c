"""The board as the kernel shows it below one root: found once, then read file by file."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from jetson_deploy.monitor.sample import Board, SourceName
from jetson_deploy.monitor.sources.source import SourceError
from jetson_deploy.monitor.sources.sysfs.cpu import Usage, pinned, read_cpus
from jetson_deploy.monitor.sources.sysfs.discovery import Found, discover, read_boot_id
from jetson_deploy.monitor.sources.sysfs.disks import read_disks
from jetson_deploy.monitor.sources.sysfs.edac import read_memory_errors
from jetson_deploy.monitor.sources.sysfs.fans import read_fans
from jetson_deploy.monitor.sources.sysfs.files import Files
from jetson_deploy.monitor.sources.sysfs.gpu import Loads, read_emc, read_engines, read_gpus
from jetson_deploy.monitor.sources.sysfs.memory_files import read_memory, read_paging, read_pressures, read_zrams
from jetson_deploy.monitor.sources.sysfs.overcurrent import read_over_currents
from jetson_deploy.monitor.sources.sysfs.rails import read_rails, total_power
from jetson_deploy.monitor.sources.sysfs.thermal import read_coolers, read_throttle_events, read_zones

_AGAIN_SECONDS = 10.0
"""Least time between two discoveries: a driver that flaps must not cost us the CPU."""
_ANYWAY_SECONDS = 60.0
"""A driver that is loaded late (the GPU's, at boot) makes no known file vanish."""
_UPTIME = re.compile(rb"([0-9]{1,10}\.[0-9]{1,2}) [0-9]")


class SysfsSource:
    """`places`: role (`root`, `store`, `engine`) → directory on this machine whose disk is watched."""

    def __init__(
        self, root: Path, places: Mapping[str, Path] | None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._root, self._places, self._clock = root, places, clock
        self._files, self._usage, self._loads = Files(), Usage(), Loads()
        self._found: Found | None = None
        self._found_at = 0.0

    @property
    def name(self) -> SourceName:
        return "sysfs"

    def poll(self) -> None:
        """The GPU's load."""
        if self._found is not None:
            self._loads.look(self._found.gpus, self._files)

    def read(self) -> Board:
        found = self._found
        if found is None or self._clock() - self._found_at >= _ANYWAY_SECONDS:
            found = self._discover()
        self._usage.look(self._files.whole(found.stat))
        board = self._look(found)
        if self._is_stale(board, found) and self._clock() - self._found_at >= _AGAIN_SECONDS:
            board = self._look(self._discover())
        self._loads.clear()
        if board == Board(disks=board.disks):
            raise SourceError(f"neither /proc nor /sys below {self._root} describes a board")
        return board

    def close(self) -> None:
        """No file is kept open."""

    def _discover(self) -> Found:
        self._found, self._found_at = discover(self._root, self._places), self._clock()
        self._files.vanished = False
        return self._found

    def _is_stale(self, board: Board, found: Found) -> bool:
        return self._files.vanished or board.boot_id != found.boot_id

    def _look(self, found: Found) -> Board:
        files = self._files
        self._loads.look(found.gpus, files)
        gpus, cpus = read_gpus(found.gpus, files, self._loads), read_cpus(found.cpus, files, self._usage)
        memory, swaps = read_memory(found.memory, files)
        rails = read_rails(found.rails, files)
        return Board(
            uptime_seconds=_uptime(files, found.uptime),
            boot_id=read_boot_id(files, found.boot),
            gpus=gpus,
            cpus=cpus,
            memory=memory,
            swaps=swaps,
            zrams=read_zrams(found.memory, files),
            paging=read_paging(found.memory, files),
            memory_errors=read_memory_errors(found.memory_errors, files),
            pressures=read_pressures(found.memory, files),
            emc=read_emc(found.emc, files),
            zones=read_zones(found.zones, files),
            coolers=read_coolers(found.coolers, files),
            throttle_events=read_throttle_events(found.throttle_events, files),
            over_currents=read_over_currents(found.over_currents, files),
            rails=rails,
            power=total_power(rails),
            fans=read_fans(found.fans, files),
            power_mode=found.mode.read(files),
            clocks_pinned=pinned(gpus, cpus),
            engines=read_engines(found.engines, files),
            disks=read_disks(found.disks, files),
        )


def _uptime(files: Files, path: str | None) -> float | None:
    match = _UPTIME.match(files.start(path) or b"")
    return float(match[1]) if match else None
