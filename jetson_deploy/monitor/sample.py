"""What one look at a board and its model saw. Base units: seconds, bytes, hertz, celsius, watts, amperes, volts,
joules, and ratios from 0 to 1. None is unknown, never 0; an empty tuple is "none seen".

Names of zones, rails and devices are the kernel's own. Counters count since the boot (board) or since the server's
start (model), and are compared by those who need a rate.
"""

from __future__ import annotations

from typing import Literal

import msgspec

SourceName = Literal["sysfs", "nvml", "jetson-stats", "tegrastats", "psutil"]


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all parts of a sample."""


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
        """It takes clocks away when its state is above 0. The hot surface (70 °C) and the fan do not."""
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


class Container(Part, frozen=True, kw_only=True):
    name: str
    state: str
    """The engine's word: running, exited, restarting, paused …"""
    cpu_seconds: float | None = None
    memory_bytes: int | None = None
    """As its cgroup counts: a lower bound, for what the GPU maps may not be in it."""
    restarts: int | None = None
    oom_killed: bool | None = None
    exit_code: int | None = None
    started_at: str | None = None


class Requests(Part, frozen=True, kw_only=True):
    """Answered since the monitor's start."""

    path: str
    code: int
    count: int


class Server(Part, frozen=True, kw_only=True):
    """The Ollama server."""

    up: bool
    """It answers."""
    endpoint: str
    version: str | None = None
    in_flight: int | None = None
    queued: int | None = None
    requests: tuple[Requests, ...] = ()
    request_seconds: float | None = None
    """Sum over the answered requests."""
    first_token_seconds: float | None = None
    """Of the last request that was seen through the tap."""
    first_token_seconds_total: float | None = None
    first_tokens: int | None = None
    """How many first tokens that sum holds."""
    tokens_from: Literal["log", "llama-server", "tap"] | None = None
    """Where tokens are counted; None: nowhere (Ollama below 0.30 says nothing itself: use the tap)."""
    decoding: bool | None = None
    """A token came, or was being made, in this look; None: cannot be seen."""


class Model(Part, frozen=True, kw_only=True):
    """A model in the server's memory, and what was counted of it since the monitor's start."""

    name: str
    loaded: bool = True
    family: str | None = None
    quantization: str | None = None
    size_bytes: int | None = None
    gpu_bytes: int | None = None
    context_tokens: int | None = None
    """For one request."""
    context_used_tokens: int | None = None
    """Of the last or the running request."""
    prompt_tokens: int = 0
    prompt_seconds: float = 0.0
    decode_tokens: int = 0
    decode_seconds: float = 0.0
    last_prompt_rate: float | None = None
    last_decode_rate: float | None = None
    """Tokens per second of the last finished request."""

    @property
    def gpu_share(self) -> float | None:
        if not self.size_bytes or self.gpu_bytes is None:
            return None
        return min(1.0, self.gpu_bytes / self.size_bytes)


class Deployment(Part, frozen=True, kw_only=True):
    """What was promised, from the container's labels."""

    name: str
    model: str | None = None
    accept_cpu: bool = False
    simulated: str | None = None
    context_tokens: int | None = None
    parallel: int | None = None


class Llm(Part, frozen=True, kw_only=True):
    """The model's side. `None`: there is nothing of ours, or it cannot be seen (see the sample's troubles)."""

    deployment: Deployment | None = None
    container: Container | None = None
    server: Server | None = None
    models: tuple[Model, ...] = ()


class Trouble(Part, frozen=True, kw_only=True):
    """A source that cannot be used, and why; told once, kept while it lasts."""

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
    sources: dict[str, str] = {}
    """Which source gave a field of `board` (`gpus`, `emc.load`, `zones` …); fields that nobody gave are left out."""
    troubles: tuple[Trouble, ...] = ()
    simulated: str | None = None
    """What is not real here, in words; None: everything is."""
