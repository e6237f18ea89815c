"""A monitor over made-up samples, for the tests of what is served."""

from __future__ import annotations

import contextlib
import http.client
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from screen_samples import NANO

from jetson_deploy.monitor.alerts.firing import Change, Firing
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
    Rail,
    Swap,
    ThrottleEvents,
    Traffic,
    Trip,
    Zone,
    Zram,
)
from jetson_deploy.monitor.model_parts import Container, Deployment, Door, DoorKey, Llm, Model, Requests, Server
from jetson_deploy.monitor.monitor import Monitor
from jetson_deploy.monitor.sample import Board, Sample, SourceFailure
from jetson_deploy.monitor.serve.server import MonitorServer

MIB = 2**20
GIB = 2**30
BEGAN = 1_790_000_000.0
"""Wall clock of the first sample."""
TRIPS = tuple(
    Trip(kind="passive", celsius=at, bound=(kind,))
    for at, kind in ((70.0, "hot-surface-alert"), (99.0, "cpufreq-cpu0"))
)


def full_sample(number: int = 0, *, model: str = "deepseek-r1:8b", monotonic: float | None = None) -> Sample:
    """Of an Orin Nano Super that decodes; `number` counts the seconds, and the values move with it."""
    wave = (number % 20) / 20
    return Sample(
        at=BEGAN + number,
        monotonic=1000.0 + number if monotonic is None else monotonic,
        identity=NANO,
        board=_board(wave, number),
        llm=_llm(model, number),
        energy_joules=20.0 * number,
        sources={"gpus": "sysfs", "zones": "sysfs"},
        failures=(SourceFailure(source="jetson-stats", why="the jtop service is not active"),),
    )


def _board(wave: float, number: int) -> Board:
    return Board(
        uptime_seconds=86_400.0 + number,
        boot_id="b0",
        gpus=(
            Gpu(name="17000000.gpu", load=0.5 + wave / 2, load_max=1.0, hertz=1.02e9, min_hertz=3e8, max_hertz=1.02e9),
        ),
        cpus=tuple(
            Cpu(number=n, online=n < 5, load=0.1 * n + wave / 4 if n < 5 else None, hertz=1.7e9, max_hertz=1.7e9)
            for n in range(6)
        ),
        memory=Memory(
            total_bytes=7620 * MIB,
            available_bytes=int((1900 - 300 * wave) * MIB),
            free_bytes=500 * MIB,
            largest_free_block_bytes=4 * MIB,
        ),
        swaps=(Swap(device="/dev/zram0", kind="zram", total_bytes=3810 * MIB, used_bytes=120 * MIB),),
        zrams=(Zram(device="zram0", original_bytes=120 * MIB, compressed_bytes=40 * MIB),),
        memory_errors=(MemoryErrors(kind="corrected", count=0),),
        paging=Paging(swapped_in_pages=10, swapped_out_pages=20, oom_kills=0),
        pressures=(Pressure(resource="memory", kind="some", ratio=0.01),),
        emc=Emc(hertz=3.199e9),
        zones=(
            Zone(name="cpu-thermal", celsius=58.2 + 6 * wave, trips=TRIPS),
            Zone(name="gpu-thermal", celsius=60.1 + 6 * wave, trips=TRIPS),
            Zone(name="tj-thermal", celsius=61.0 + 6 * wave, trips=TRIPS),
            Zone(name="cv0-thermal"),
        ),
        coolers=(
            Cooler(kind="cpufreq-cpu0", state=0, max_state=20),
            Cooler(kind="pwm-fan", state=2, max_state=10),
        ),
        throttle_events=(ThrottleEvents(domain="cpu-throttle-alert", count=0),),
        over_currents=(
            OverCurrent(line="oc1", count=0, throttling=True),
            OverCurrent(line="oc3", count=7 + number),
        ),
        rails=(
            Rail(name="VDD_IN", watts=14.0 + 8 * wave, volts=5.0, amperes=2.8, crit_amperes=4.984),
            Rail(name="VDD_CPU_GPU_CV", watts=7.5 + 6 * wave),
        ),
        power=Power(watts=14.0 + 8 * wave, method="rail"),
        fans=(Fan(name="pwm-fan", ratio=0.4, rpm=2100.0),),
        power_mode=PowerMode(id=2, name="MAXN_SUPER", ceiling="MAXN_SUPER", at_ceiling=True),
        clocks_pinned=False,
        engines=(Engine(name="NVENC", online=False),),
        disks=(Disk(mount="/", role="root", total_bytes=232 * GIB, free_bytes=141 * GIB, read_only=False),),
        traffic=(Traffic(name="eth0", kind="network", in_bytes=5, out_bytes=6),),
    )


def _llm(model: str, number: int) -> Llm:
    return Llm(
        deployment=Deployment(name="default", model="deepseek-r1:8b", context_tokens=4096, parallel=1),
        container=Container(name="jd-default-1", state="running", cpu_seconds=12.5, memory_bytes=3 * GIB, restarts=0),
        server=Server(
            up=True,
            endpoint="http://127.0.0.1:11434",
            version="0.30.4",
            in_flight=1,
            queued=number % 2,
            requests=(Requests(path="/api/chat", code=200, count=number),),
            request_seconds=3.0 * number,
            first_token_seconds_total=1.0,
            first_tokens=number,
            answers_broken=number // 100,
            tokens_from="log",
            decoding=True,
        ),
        models=(
            Model(
                name=model,
                family="qwen3",
                quantization="Q4_K_M",
                size_bytes=5600 * MIB,
                gpu_bytes=5600 * MIB,
                context_tokens=4096,
                context_used_tokens=700 + number % 300,
                prompt_tokens=50 * number,
                prompt_seconds=0.2 * number,
                decode_tokens=8 * number + number % 3,
                decode_seconds=1.0 * number,
                last_prompt_rate=212.0,
                last_decode_rate=8.3 + (number % 5) / 10,
            ),
        ),
        door=Door(
            listens="192.0.2.10:8443",
            up=True,
            certificate_ends=BEGAN + 300 * 86_400,
            keys=(DoorKey(name="laptop", requests=number, in_flight=1, received_bytes=9 * number, sent_bytes=number),),
        ),
    )


NEAR = Firing(
    id="thermal-near",
    subject="tj-thermal",
    severity="warning",
    title="close to thermal throttling",
    cause="tj-thermal is at 91.5 °C, and thermal throttling begins at 99 °C.",
    fix="Give it air, or choose a lower power mode: sudo nvpmodel -m 1",
    since=BEGAN,
)
FALLBACK = Firing(
    id="cpu-fallback",
    subject="deepseek-r1:8b",
    severity="critical",
    title="the model runs on the CPU",
    cause="A request is being answered, the GPU is at 2 % and the CPU at 96 % since 30 s.",
    fix="jetson-deploy logs shows the reason; most often: sudo systemctl restart docker",
    since=BEGAN + 4,
)


@dataclass
class ListedSamples:
    """One after the other; the last stays."""

    listed: Sequence[Sample]
    taken: int = 0

    def poll(self) -> None:
        pass

    def sample(self) -> Sample:
        self.taken += 1
        return self.listed[min(self.taken, len(self.listed)) - 1]

    def close(self) -> None:
        pass


@dataclass
class SteadyJudge:
    firing: tuple[Firing, ...] = ()

    def judge(self, sample: Sample) -> tuple[Change, ...]:
        return ()


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Got:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


def monitor_of(*samples: Sample, firing: tuple[Firing, ...] = (), period: float = 1.0) -> Monitor:
    """It has looked once at each of them."""
    monitor = Monitor(ListedSamples(samples), SteadyJudge(firing), period=period)
    for _ in samples:
        monitor.look()
    return monitor


@contextlib.contextmanager
def serving(
    monitor: Monitor, clock: Clock | None = None, *, seconds: float = 10.0, most: int = 64
) -> Iterator[MonitorServer]:
    server = MonitorServer(monitor, ("127.0.0.1", 0), clock=clock or Clock(), seconds=seconds, most=most)
    server.start()
    try:
        yield server
    finally:
        server.close()


def get(server: MonitorServer, path: str, method: str = "GET", **headers: str) -> Got:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return Got(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
    finally:
        connection.close()
