"""Samples for pictures: a board under load, one that tells nothing, and a big one. Every number is fixed."""

from __future__ import annotations

import math

import msgspec

from jetson_deploy.monitor.alerts.firing import Firing
from jetson_deploy.monitor.board_parts import (
    Cooler,
    Cpu,
    Disk,
    Emc,
    Engine,
    Fan,
    Gpu,
    Memory,
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
    Trip,
    Zone,
    Zram,
)
from jetson_deploy.monitor.model_parts import Container, Deployment, Llm, Model, Requests, Server
from jetson_deploy.monitor.sample import Board, Identity, Sample, SourceFailure

GIB, MIB = 1 << 30, 1 << 20
NOON = 1_764_072_000.0
TRIPS = (
    Trip(kind="passive", celsius=70.0, bound=("hot-surface-alert",)),
    Trip(kind="passive", celsius=99.0, bound=("cpufreq-cpu0", "devfreq-17000000.gpu")),
    Trip(kind="critical", celsius=104.5),
)
NANO = Identity(
    board="orin-nano-8gb",
    model="NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super",
    soc="tegra234",
    l4t="36.5.0",
    jetpack="6.2.2",
    kernel="5.15.185-tegra",
    hostname="kitchen",
)


def wave(second: int, low: float, high: float, length: float = 20.0) -> float:
    return low + (high - low) * (0.5 + 0.5 * math.sin(second * 2 * math.pi / length))


def busy(second: int = 60) -> Sample:
    """An Orin Nano Super that decodes; what it counts rises with `second`."""
    return Sample(
        at=NOON + second,
        monotonic=1000.0 + second,
        identity=NANO,
        board=_board(second),
        llm=llm(second),
        energy_joules=13.5 * second,
        sources={"gpus": "sysfs"},
    )


def _board(second: int) -> Board:
    loads = (0.31, 0.12, 0.04, 0.02, 0.55, 0.0)
    return Board(
        uptime_seconds=273_600.0 + second,
        boot_id="1",
        gpus=(
            Gpu(
                name="17000000.gpu",
                load=wave(second, 0.70, 0.99),
                load_max=0.99,
                hertz=1.02e9,
                min_hertz=1.02e9,
                max_hertz=1.02e9,
                governor="nvhost_podgov",
            ),
        ),
        cpus=tuple(
            Cpu(
                number=number,
                online=True,
                load=min(1.0, load * wave(second, 0.5, 1.5)),
                hertz=1.728e9,
                min_hertz=1.728e9,
                max_hertz=1.728e9,
                hardware_max_hertz=1.728e9,
                governor="schedutil",
            )
            for number, load in enumerate(loads)
        ),
        memory=Memory(
            total_bytes=7_976_910_848,
            available_bytes=1_600_000_000,
            free_bytes=450_000_000,
            cached_bytes=1_300_000_000,
            largest_free_block_bytes=4 * MIB,
        ),
        swaps=tuple(
            Swap(device=f"/dev/zram{n}", kind="zram", total_bytes=650_000_000, used_bytes=20_000_000) for n in range(6)
        ),
        zrams=(Zram(device="zram0", original_bytes=20_000_000, compressed_bytes=7_000_000),),
        paging=Paging(swapped_in_pages=1000, swapped_out_pages=1000 + 12 * second, oom_kills=0),
        pressures=(
            Pressure(resource="memory", kind="some", ratio=0.01),
            Pressure(resource="memory", kind="full", ratio=0.0),
            Pressure(resource="cpu", kind="some", ratio=0.07),
            Pressure(resource="io", kind="some", ratio=0.0),
        ),
        emc=Emc(load=0.61, hertz=3.199e9, max_hertz=3.199e9),
        zones=tuple(
            Zone(name=name, celsius=celsius, trips=TRIPS)
            for name, celsius in (
                ("cpu-thermal", 61.2),
                ("gpu-thermal", 62.6),
                ("cv0-thermal", None),
                ("cv1-thermal", None),
                ("cv2-thermal", None),
                ("soc0-thermal", 59.1),
                ("soc1-thermal", 60.0),
                ("soc2-thermal", 59.8),
                ("tj-thermal", wave(second, 60.0, 64.0, 50.0)),
            )
        ),
        coolers=(
            Cooler(kind="pwm-fan", state=1, max_state=3),
            Cooler(kind="cpufreq-cpu0", state=0, max_state=10),
            Cooler(kind="devfreq-17000000.gpu", state=0, max_state=7),
            Cooler(kind="hot-surface-alert", state=0, max_state=1),
        ),
        throttle_events=(ThrottleEvents(domain="gpu-throttle-alert", count=0),),
        over_currents=(
            OverCurrent(line="oc1", count=0, throttling=True),
            OverCurrent(line="oc2", count=0, throttling=True),
            OverCurrent(line="oc3", count=27_390 + 8 * second, throttling=True),
        ),
        rails=(
            Rail(name="VDD_IN", watts=wave(second, 12.0, 15.0), volts=5.02, amperes=2.7, crit_amperes=4.984),
            Rail(name="VDD_CPU_GPU_CV", watts=6.1, volts=5.02, amperes=1.21, crit_amperes=4.984),
            Rail(name="VDD_SOC", watts=2.2, volts=5.02, amperes=0.44),
        ),
        power=Power(watts=wave(second, 12.0, 15.0), method="rail"),
        fans=(Fan(name="pwm-fan", ratio=0.62, rpm=2345.0),),
        power_mode=PowerMode(id=2, name="MAXN_SUPER", ceiling="MAXN_SUPER", at_ceiling=True),
        clocks_pinned=True,
        engines=(
            Engine(name="NVENC", online=False),
            Engine(name="NVDEC", online=False),
            Engine(name="VIC", online=True, hertz=1.15e8),
        ),
        disks=(
            Disk(mount="/", role="root", total_bytes=233 * GIB, free_bytes=180 * GIB, read_only=False),
            Disk(mount="/", role="engine", total_bytes=233 * GIB, free_bytes=180 * GIB, read_only=False),
            Disk(mount="/ssd", role="store", total_bytes=931 * GIB, free_bytes=40 * GIB, read_only=False),
        ),
        traffic=(
            Traffic(name="eth0", kind="network", in_bytes=5000 * second, out_bytes=90_000 * second),
            Traffic(name="wlan0", kind="network", in_bytes=0, out_bytes=0),
            Traffic(name="nvme0n1", kind="disk", in_bytes=700 * second, out_bytes=4096 * second),
        ),
        processes=(
            Process(pid=4242, name="llama-server", cores=0.92, resident_bytes=5 * GIB, gpu_bytes=4 * GIB),
            Process(pid=811, name="dockerd", cores=0.01, resident_bytes=95 * MIB),
            Process(pid=1500, name="gnome-shell", cores=0.05, resident_bytes=310 * MIB),
            Process(pid=1777, name="python3", cores=0.02, resident_bytes=44 * MIB),
        ),
    )


def llm(second: int) -> Llm:
    return Llm(
        deployment=Deployment(name="default", model="deepseek-r1:8b", context_tokens=4096, parallel=1),
        container=Container(
            name="jd-default-1", state="running", cpu_seconds=0.95 * second, memory_bytes=5 * GIB, restarts=0
        ),
        server=Server(
            up=True,
            endpoint="http://127.0.0.1:11434",
            version="0.30.1",
            in_flight=1,
            queued=2,
            requests=(Requests(path="/api/chat", code=200, count=12),),
            tokens_from="log",
            decoding=True,
        ),
        models=(
            Model(
                name="deepseek-r1:8b",
                quantization="Q4_K_M",
                family="qwen3",
                size_bytes=5_300_000_000,
                gpu_bytes=5_300_000_000,
                context_tokens=4096,
                context_used_tokens=1312,
                prompt_tokens=1200,
                prompt_seconds=4.0,
                decode_tokens=int(13.4 * second + 5 * math.sin(second / 3)),
                decode_seconds=float(second),
                last_prompt_rate=301.0,
                last_decode_rate=13.3,
            ),
        ),
    )


def history(seconds: int = 120) -> tuple[Sample, ...]:
    return tuple(busy(second) for second in range(1, seconds + 1))


def bare() -> Sample:
    """Nothing can be read."""
    return Sample(
        at=NOON,
        monotonic=1.0,
        failures=(SourceFailure(source="sysfs", why="no Jetson: neither a GPU nor a thermal zone is there"),),
        simulated="the board is read from /captured",
    )


def big() -> Sample:
    """A Thor with 14 CPUs, hot, throttled, its model half on the CPU and its names of any kind."""
    base = busy(60)
    cpus = tuple(
        Cpu(number=n, online=n != 13, load=n / 14 if n != 13 else None, hertz=2.6e9, max_hertz=2.6e9) for n in range(14)
    )
    zones = (
        Zone(name="tj-thermal", celsius=97.4, trips=(Trip(kind="critical", celsius=114.5),)),
        Zone(name="gpu-thermal", celsius=None, trips=(Trip(kind="critical", celsius=114.5),)),
    )
    board = msgspec.structs.replace(
        base.board,
        gpus=(
            Gpu(name="gpu-gpc-0", load=None, hertz=1.575e9, max_hertz=1.575e9),
            Gpu(name="gpu-nvd-0", hertz=1.692e9, max_hertz=1.692e9),
        ),
        cpus=cpus,
        zones=zones,
        swaps=(),
        coolers=(Cooler(kind="cpufreq-cpu0", state=3, max_state=10),),
        fans=(Fan(name="fan", ratio=0.5, rpm=0.0),),
        power_mode=PowerMode(id=1, name="120W", ceiling="MAXN", at_ceiling=False),
        clocks_pinned=False,
        emc=Emc(),
        engines=(),
        over_currents=(OverCurrent(line="oc1", count=3),),
        disks=(Disk(mount="/", role="root", total_bytes=100 * GIB, free_bytes=3 * GIB, read_only=True),),
        processes=(Process(pid=1, name="模型服务器\x1b[31m" * 4, cores=3.5, resident_bytes=20 * GIB),),
        memory=msgspec.structs.replace(base.board.memory, available_bytes=100_000_000),
    )
    models = (
        msgspec.structs.replace(base.llm.models[0], gpu_bytes=2_650_000_000),
        Model(
            name="some/other-model-with-a-very-long-name-that-does-not-fit:70b-instruct-q4_K_M", context_tokens=131072
        ),
    )
    server = Server(
        up=True,
        endpoint="http://127.0.0.1:11434",
        version="0.23.0",
        requests=(Requests(path="/api/chat", code=503, count=4),),
    )
    return msgspec.structs.replace(
        base,
        identity=Identity(model="NVIDIA Jetson AGX Thor Developer Kit", l4t="38.4.0"),
        board=board,
        llm=msgspec.structs.replace(base.llm, models=models, server=server),
    )


ALERTS = (
    Firing(
        id="ram-low",
        severity="warning",
        title="little memory left",
        cause="95 MiB of 7.43 GiB are available.",
        fix="Stop other programs, or deploy a smaller context: jetson-deploy up --context 2048.",
        since=NOON,
    ),
    Firing(
        id="thermal-throttle",
        subject="cpufreq-cpu0",
        severity="critical",
        title="throttled by heat",
        cause="cpufreq-cpu0 throttles, tj-thermal is at 97.4 °C.",
        fix="Clean or speed up the fan: sudo jetson_clocks --fan.",
        since=NOON + 1,
    ),
    Firing(
        id="oc3-rate",
        severity="info",
        title="peaks of current",
        cause="8 a second, harmless on MAXN_SUPER.",
        fix="Nothing needs to be done.",
        since=NOON,
    ),
    Firing(
        id="disk-low",
        subject="/",
        severity="critical",
        title="disk nearly full",
        cause="/ has 3 GiB left.",
        fix="jetson-deploy model prune.",
        since=NOON,
        silenced=True,
    ),
)
