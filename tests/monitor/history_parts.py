"""Samples made up for the history, and a recorder that is driven by them instead of by time."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jetson_deploy.monitor.alerts.firing import Change, Firing
from jetson_deploy.monitor.board_parts import Cooler, Gpu, OverCurrent, Power, ThrottleEvents, Zone
from jetson_deploy.monitor.history.opening import open_history
from jetson_deploy.monitor.history.reader import History, Row, StatRow
from jetson_deploy.monitor.history.recorder import Recorder
from jetson_deploy.monitor.model_parts import Llm, Model, Requests, Server
from jetson_deploy.monitor.monitor import Latest
from jetson_deploy.monitor.sample import Board, Sample

NOON = 1_800_000_000.0
"""2027-01-15 08:00 UTC, at the beginning of a minute."""
TJ, WATTS = "temperature_celsius.tj-thermal", "power_total_watts"


def look(
    at: float,
    monotonic: float,
    celsius: float | None = 48.281,
    *,
    watts: float | None = 6.5,
    boot: str = "boot-1",
    requests: int = 0,
    over_currents: int = 0,
    throttled: bool = False,
    model: str = "deepseek-r1:8b",
    changes: Sequence[Change] = (),
    simulated: str | None = None,
) -> Latest:
    board = Board(
        boot_id=boot,
        gpus=(Gpu(name="17000000.gpu", load=0.5, hertz=1.02e9),),
        zones=(Zone(name="tj-thermal", celsius=celsius),),
        coolers=(Cooler(kind="cpufreq-cpu0", state=int(throttled)),),
        throttle_events=(ThrottleEvents(domain="cpu-throttle-alert", count=3),),
        over_currents=(OverCurrent(line="oc3", count=over_currents),),
        power=Power(watts=watts, method="rail") if watts is not None else None,
    )
    served = Server(
        up=True,
        endpoint="http://127.0.0.1:11434",
        requests=(Requests(path="/api/chat", code=200, count=requests),),
        tokens_from="log",
    )
    llm = Llm(server=served, models=(Model(name=model, last_decode_rate=7.25),))
    return Latest(
        sample=Sample(at=at, monotonic=monotonic, board=board, llm=llm, simulated=simulated), changes=tuple(changes)
    )


def change(at: float, state: str = "firing", text: str = "tj is at 96 °C") -> Change:
    alert = Firing(
        id="thermal-near",
        subject="tj-thermal",
        severity="warning",
        title="close to throttling",
        cause=text,
        fix="",
        since=at,
    )
    return Change(at=at, state="firing" if state == "firing" else "resolved", alert=alert)


def noise() -> Callable[[object], dict[str, float]]:
    """Series that cannot be compressed."""
    chance = random.Random(1)
    return lambda _: {TJ: chance.random(), **{f"power_watts.rail-{n}": chance.random() for n in range(20)}}


class Driven:
    """A recorder, a clock that both its sides read, and what it said."""

    def __init__(self, path: Path, *, start: float = NOON, monotonic: float = 100.0, **options: Any) -> None:
        self.wall, self.monotonic = start, monotonic
        self.said: list[str] = []
        self.recorder = Recorder(path, now=lambda: self.wall, say=self.said.append, **options)

    def receive(self, times: int = 1, period: float = 1.0, made: Callable[..., Latest] = look, **more: Any) -> None:
        """`times` samples, the clocks behind each of them."""
        for _ in range(times):
            self.recorder.receive(made(self.wall, self.monotonic, **more))
            self.wall += period
            self.monotonic += period


@contextmanager
def driven(path: Path, **options: Any) -> Iterator[Driven]:
    found = Driven(path, **options)
    try:
        yield found
    finally:
        found.recorder.close()


@contextmanager
def history(path: Path) -> Iterator[History]:
    with open_history(path) as found:
        yield found


def raw(path: Path, *keys: str) -> list[Row]:
    with open_history(path) as found:
        return list(found.raw(keys or (TJ,)))


def minutes(path: Path, *keys: str) -> list[StatRow]:
    with open_history(path) as found:
        return list(found.minutes(keys or (TJ,)))


def events(path: Path, kind: str) -> list[tuple[str, str, float | None]]:
    """(name, subject or state, value) in their order."""
    with open_history(path) as found:
        return [(one.name, one.subject, one.value) for one in found.events() if one.kind == kind]
