"""One sample of a board and its model. Base units: seconds, bytes, hertz, celsius, watts, amperes, volts,
joules, and ratios from 0 to 1. None is unknown, never 0; an empty tuple is "none seen".

Names of zones, rails and devices are the kernel's own. Counters count since the boot (board) or since the server's
start (model), and are compared by those who need a rate.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from jetson_deploy.monitor.board_parts import (
    Cooler,
    Cpu,
    Disk,
    Emc,
    Engine,
    Fan,
    Gpu,
    Memory,
    MemoryErrors,
    OverCurrent,
    Paging,
    Power,
    PowerMode,
    Pressure,
    Process,
    Rail,
    Swap,
    ThrottleEvents,
    Traffic,
    Zone,
    Zram,
)
from jetson_deploy.monitor.model_parts import Llm
from jetson_deploy.monitor.part import Part

SourceName = Literal["sysfs", "nvml", "jetson-stats", "tegrastats", "psutil"]


class Board(Part, frozen=True, kw_only=True):
    """What one source can tell of the board, or all of them together."""

    uptime_seconds: float | None = None
    boot_id: str | None = None
    gpus: tuple[Gpu, ...] = ()
    cpus: tuple[Cpu, ...] = ()
    memory: Memory = Memory()
    swaps: tuple[Swap, ...] | None = None
    """(): there is none; None: unknown."""
    zrams: tuple[Zram, ...] = ()
    paging: Paging = Paging()
    memory_errors: tuple[MemoryErrors, ...] = ()
    """(): the board has no counters for them."""
    pressures: tuple[Pressure, ...] = ()
    emc: Emc = Emc()
    zones: tuple[Zone, ...] = ()
    coolers: tuple[Cooler, ...] = ()
    throttle_events: tuple[ThrottleEvents, ...] = ()
    over_currents: tuple[OverCurrent, ...] = ()
    rails: tuple[Rail, ...] = ()
    power: Power | None = None
    fans: tuple[Fan, ...] = ()
    power_mode: PowerMode = PowerMode()
    clocks_pinned: bool | None = None
    """As jetson_clocks leaves them: lowest = highest for the GPU and every CPU that is online."""
    engines: tuple[Engine, ...] = ()
    disks: tuple[Disk, ...] = ()
    traffic: tuple[Traffic, ...] = ()
    processes: tuple[Process, ...] | None = None
    """The largest, looked at every few seconds; None: not looked at."""


class Identity(Part, frozen=True, kw_only=True):
    """What does not change while the board is up."""

    board: str | None = None
    """Id of the catalog."""
    model: str | None = None
    """The device tree's words."""
    soc: str | None = None
    l4t: str | None = None
    jetpack: str | None = None
    kernel: str | None = None
    hostname: str | None = None


class SourceFailure(Part, frozen=True, kw_only=True):
    """A source that cannot be used, and why; reported once, kept while it lasts."""

    source: str
    why: str


class Sample(Part, frozen=True, kw_only=True, tag_field="schema", tag="jetson-deploy.sample/1"):
    at: float
    """Wall clock, seconds since 1970."""
    monotonic: float
    """For durations; of this run of the monitor alone."""
    identity: Identity = Identity()
    board: Board = Board()
    llm: Llm = Llm()
    energy_joules: float | None = None
    """Since the monitor's start: power over time."""
    sources: dict[str, str] = msgspec.field(default_factory=dict)
    """Which source gave a field of `board` (`gpus`, `emc.load`, `zones` …); fields without a source are left out."""
    failures: tuple[SourceFailure, ...] = msgspec.field(name="troubles", default=())
    simulated: str | None = None
    """What is not real here, in words; None: everything is."""
