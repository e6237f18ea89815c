"""Measured parts of a board. Base units, see `sample.py`; names are the kernel's own."""

from __future__ import annotations

from typing import Literal

from jetson_deploy.monitor.part import Part


class Gpu(Part, frozen=True, kw_only=True):
    name: str
    """As devfreq calls it: `17000000.gpu`, `gpu-gpc-0`."""
    load: float | None = None
    """Mean since the last sample: 10 readings a second, because decoding comes in bursts."""
    load_max: float | None = None
    hertz: float | None = None
    min_hertz: float | None = None
    max_hertz: float | None = None
    governor: str | None = None


class Cpu(Part, frozen=True, kw_only=True):
    number: int
    online: bool | None = None
    load: float | None = None
    """Since the last sample; None in the first."""
    hertz: float | None = None
    min_hertz: float | None = None
    max_hertz: float | None = None
    """What the governor may choose now: a power mode lowers it below `hardware_max_hertz`."""
    hardware_max_hertz: float | None = None
    governor: str | None = None


class Memory(Part, frozen=True, kw_only=True):
    """Shared by CPU and GPU on every Jetson."""

    total_bytes: int | None = None
    available_bytes: int | None = None
    free_bytes: int | None = None
    cached_bytes: int | None = None
    """Page cache and buffers."""
    largest_free_block_bytes: int | None = None
    """From /proc/buddyinfo: what tegrastats calls lfb."""
    gpu_bytes: int | None = None
    """NvMapMemUsed (L4T 32) or what jetson-stats counts."""

    @property
    def used_bytes(self) -> int | None:
        if self.total_bytes is None or self.available_bytes is None:
            return None
        return self.total_bytes - self.available_bytes


class Swap(Part, frozen=True, kw_only=True):
    device: str
    kind: Literal["zram", "partition", "file", "all"]
    """all: the sum over every device, where a source tells no more (tegrastats)."""
    total_bytes: int
    used_bytes: int


class Zram(Part, frozen=True, kw_only=True):
    device: str
    original_bytes: int
    compressed_bytes: int
    """Memory that it really takes."""


class Paging(Part, frozen=True, kw_only=True):
    """Counters of /proc/vmstat since the boot."""

    swapped_in_pages: int | None = None
    swapped_out_pages: int | None = None
    oom_kills: int | None = None


class MemoryErrors(Part, frozen=True, kw_only=True):
    """ECC events since the boot, of all memory controllers."""

    kind: Literal["corrected", "uncorrected"]
    count: int


class Pressure(Part, frozen=True, kw_only=True):
    """PSI: share of the last 10 s in which work waited."""

    resource: Literal["cpu", "memory", "io"]
    kind: Literal["some", "full"]
    ratio: float


class Emc(Part, frozen=True, kw_only=True):
    """The memory controller."""

    load: float | None = None
    hertz: float | None = None
    max_hertz: float | None = None


class Trip(Part, frozen=True, kw_only=True):
    kind: str
    """passive, active, hot, critical."""
    celsius: float
    bound: tuple[str, ...] = ()
    """Types of the cooling devices that act on it; () where the kernel does not say."""


class Zone(Part, frozen=True, kw_only=True):
    name: str
    """`tj-thermal`, `cpu-thermal` …"""
    celsius: float | None = None
    """None: offline (-256), EAGAIN, or beyond what silicon survives."""
    trips: tuple[Trip, ...] = ()


class Cooler(Part, frozen=True, kw_only=True):
    """A cooling device of the thermal framework."""

    kind: str
    """`cpufreq-cpu0`, `devfreq-17000000.gpu`, `gpu-throttle-alert`, `hot-surface-alert`, `pwm-fan` …"""
    state: int
    max_state: int | None = None

    @property
    def throttles(self) -> bool:
        """It throttles when its state is above 0. The hot surface (70 °C) and the fan do not."""
        return self.kind.startswith(("cpufreq-", "devfreq-", "thermal-cpufreq", "thermal-devfreq")) or (
            self.kind.endswith("-throttle-alert")
        )


class ThrottleEvents(Part, frozen=True, kw_only=True):
    domain: str
    """`cpu-throttle-alert` …"""
    count: int


class OverCurrent(Part, frozen=True, kw_only=True):
    """A line of soctherm. oc1: under-voltage; oc2: average power; oc3: instantaneous, harmless on super modes."""

    line: str
    """`oc1` to `oc3`."""
    count: int
    throttling: bool | None = None
    """Its throttling is switched on."""


class Rail(Part, frozen=True, kw_only=True):
    name: str
    """`VDD_IN`, `VDD_CPU_GPU_CV`, `VIN` …"""
    watts: float | None = None
    volts: float | None = None
    amperes: float | None = None
    crit_amperes: float | None = None
    alarm: bool | None = None
    """The monitor's own critical alarm."""


class Power(Part, frozen=True, kw_only=True):
    watts: float
    method: Literal["rail", "sum"]
    """`rail`: the board's input was measured; `sum`: of its rails, without what no rail shows."""


class Fan(Part, frozen=True, kw_only=True):
    name: str
    ratio: float | None = None
    """PWM duty."""
    rpm: float | None = None


class PowerMode(Part, frozen=True, kw_only=True):
    id: int | None = None
    name: str | None = None
    ceiling: str | None = None
    """Highest mode of this board, by name; None: the names do not tell."""
    at_ceiling: bool | None = None


class Engine(Part, frozen=True, kw_only=True):
    """A codec or accelerator: NVENC, NVDEC, NVJPG, VIC, DLA, PVA, APE."""

    name: str
    online: bool | None = None
    hertz: float | None = None
    load: float | None = None


class Disk(Part, frozen=True, kw_only=True):
    mount: str
    role: Literal["root", "store", "engine"]
    total_bytes: int | None = None
    free_bytes: int | None = None
    read_only: bool | None = None


class Traffic(Part, frozen=True, kw_only=True):
    """Bytes since the boot, of a network interface or a block device."""

    name: str
    kind: Literal["network", "disk"]
    in_bytes: int
    """Received; read."""
    out_bytes: int
    """Sent; written."""


class Process(Part, frozen=True, kw_only=True):
    pid: int
    name: str
    cores: float | None = None
    """CPU seconds per second since the last look."""
    resident_bytes: int | None = None
    gpu_bytes: int | None = None
