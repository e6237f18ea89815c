"""jtop's documented properties (7.x) → `Board`. Every one may be absent, None, or of another release's shape.

Units: clocks in kHz, memory in kB, power in mW, shares in percent. Traps are named where they are met.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, TypeVar

from jetson_deploy.monitor.board_parts import (
    Cpu,
    Emc,
    Engine,
    Fan,
    Gpu,
    Memory,
    Power,
    PowerMode,
    Process,
    Rail,
    Swap,
    Zone,
)
from jetson_deploy.monitor.sample import Board
from jetson_deploy.monitor.sources.host import shown_name

_T = TypeVar("_T")
_KILO, _MEGA, _MILLI, _KIBI = 1000, 1_000_000, 1000, 1024
_COLDEST, _HOTTEST = -40.0, 150.0
"""°C; jtop says -256 for a sensor that is off."""
_MEGAHERTZ_BELOW = 10_000
"""In kHz the slowest GPU clock is 76 800; in MHz the fastest is far below this."""
_NAME = 40


def board_of(jtop: Any) -> Board:
    """What the client holds now; parts that cannot be read are left out."""
    return Board(
        uptime_seconds=_part(lambda: _uptime(jtop.uptime), None),
        gpus=_part(lambda: tuple(_gpus(jtop.gpu)), ()),
        cpus=_part(lambda: tuple(_cpus(jtop.cpu["cpu"])), ()),
        memory=_part(lambda: _memory(jtop.memory["RAM"]), Memory()),
        swaps=_part(lambda: tuple(_swaps(jtop.memory["SWAP"]["table"])), None),
        emc=_part(lambda: _emc(jtop.memory["EMC"]), Emc()),
        zones=_part(lambda: tuple(_zones(jtop.temperature)), ()),
        rails=_part(lambda: tuple(_rails(jtop.power)), ()),
        power=_part(lambda: _power(jtop.power), None),
        fans=_part(lambda: tuple(_fans(jtop.fan)), ()),
        power_mode=_part(lambda: PowerMode(id=_whole(jtop.nvpmodel.id), name=_text(jtop.nvpmodel.name)), PowerMode()),
        engines=_part(lambda: tuple(_engines(jtop.engine)), ()),
        processes=_part(lambda: tuple(_processes(jtop.processes)) or None, None),
    )


def _part(read: Callable[[], _T], otherwise: _T) -> _T:
    try:
        return read()
    except Exception:  # another project's data: one odd value must not cost the others
        return otherwise


def _gpus(gpus: Mapping[str, Any]) -> Iterator[Gpu]:
    for name, gpu in gpus.items():
        by_nvml = gpu.get("power_control") == "nvml"
        status, clocks = gpu.get("status") or {}, gpu.get("freq") or {}
        load = _ratio(status.get("load"))
        yield Gpu(
            name=str(name)[:_NAME],
            load=None if by_nvml and load == 0 else load,  # jtop's 0 for what NVML would not say
            hertz=_gpu_clock(clocks.get("cur"), by_nvml),
            min_hertz=_gpu_clock(clocks.get("min"), by_nvml),
            max_hertz=_gpu_clock(clocks.get("max"), by_nvml),
            governor=_text(clocks.get("governor")) if clocks.get("governor") != "nvml" else None,
        )


def _gpu_clock(value: Any, by_nvml: bool) -> float | None:
    """By way of NVML one key holds MHz (NVML's) or kHz (devfreq's), and 0 for unknown."""
    number = _number(value)
    if number is None or (by_nvml and number == 0):
        return None
    return number * (_MEGA if by_nvml and number < _MEGAHERTZ_BELOW else _KILO)


def _cpus(cpus: Sequence[Mapping[str, Any]]) -> Iterator[Cpu]:
    for number, cpu in enumerate(cpus):
        idle, clocks = _ratio(cpu.get("idle")), cpu.get("freq") or {}
        online = cpu.get("online") is True
        yield Cpu(
            number=number,
            online=online,
            load=round(1 - idle, 6) if online and idle is not None else None,
            hertz=_scaled(clocks.get("cur"), _KILO) if online else None,
            min_hertz=_scaled(clocks.get("min"), _KILO),
            max_hertz=_scaled(clocks.get("max"), _KILO),
            governor=_text(cpu.get("governor")),
        )


def _memory(ram: Mapping[str, Any]) -> Memory:
    """Without `lfb`, a count of blocks, and `used`, which is not MemTotal less MemAvailable. `shared` is the GPU's;
    0 stands for unknown."""
    return Memory(
        total_bytes=_bytes(ram.get("tot")),
        free_bytes=_bytes(ram.get("free")),
        gpu_bytes=_bytes(ram.get("shared")) or None,
    )


def _swaps(table: Mapping[str, Mapping[str, Any]]) -> Iterator[Swap]:
    kinds: dict[str, Literal["zram", "partition", "file"]] = {"zram": "zram", "partition": "partition", "file": "file"}
    for device, swap in table.items():
        total, used, kind = _bytes(swap.get("size")), _bytes(swap.get("used")), kinds.get(str(swap.get("type")))
        if total is not None and used is not None and kind is not None:
            yield Swap(device=str(device)[:_NAME], kind=kind, total_bytes=total, used_bytes=used)


def _emc(emc: Mapping[str, Any]) -> Emc:
    return Emc(
        load=_ratio(emc.get("val")),
        hertz=_scaled(emc.get("cur"), _KILO),
        max_hertz=_scaled(emc.get("max"), _KILO),
    )


def _zones(zones: Mapping[str, Mapping[str, Any]]) -> Iterator[Zone]:
    for name, zone in zones.items():
        value = _number(zone.get("temp"))
        good = value is not None and zone.get("online") is not False and _COLDEST <= value <= _HOTTEST
        yield Zone(name=str(name)[:_NAME], celsius=value if good else None)


def _rails(power: Mapping[str, Any]) -> Iterator[Rail]:
    """The rail of the whole board stands apart, as `tot` with a name."""
    total = power.get("tot") or {}
    named = {str(total["name"]): total} if total.get("name") else {}
    for name, rail in {**named, **(power.get("rail") or {})}.items():
        if rail.get("online") is False:
            continue
        yield Rail(
            name=str(name)[:_NAME],
            watts=_scaled(rail.get("power"), 1 / _MILLI),
            volts=_scaled(rail.get("volt"), 1 / _MILLI),
            amperes=_scaled(rail.get("curr"), 1 / _MILLI),
            crit_amperes=_scaled(rail.get("crit"), 1 / _MILLI),
        )


def _power(power: Mapping[str, Any]) -> Power | None:
    watts = _scaled(power["tot"].get("power"), 1 / _MILLI)
    if watts is None or not (power["tot"].get("name") or power.get("rail")):
        return None  # the sum of no rails is no power
    return Power(watts=watts, method="rail" if power["tot"].get("name") else "sum")


def _fans(fans: Mapping[str, Mapping[str, Any]]) -> Iterator[Fan]:
    for name, fan in fans.items():
        speeds, turns = fan.get("speed") or [], fan.get("rpm") or []
        for number in range(max(len(speeds), len(turns))):
            yield Fan(
                name=str(name)[:_NAME] if number == 0 else f"{str(name)[:_NAME]}{number}",
                ratio=_ratio(speeds[number]) if number < len(speeds) else None,
                rpm=_number(turns[number]) if number < len(turns) else None,
            )


def _engines(groups: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Iterator[Engine]:
    for group in groups.values():
        for name, engine in group.items():
            online = engine.get("online") is True
            hertz = _scaled(engine.get("cur"), _KILO) if online else None  # off, it shows its last clock
            yield Engine(name=str(name)[:_NAME], online=online, hertz=hertz)


def _processes(rows: Sequence[Sequence[Any]]) -> Iterator[Process]:
    """Rows of pid, user, GPU, type, priority, state, CPU %, kB, GPU kB, name. The CPU's share is over all its life."""
    for row in rows:
        pid = _whole(row[0])
        if pid is not None:
            name = shown_name(str(row[9]), pid)
            yield Process(pid=pid, name=name, resident_bytes=_bytes(row[7]), gpu_bytes=_bytes(row[8]))


def _uptime(value: Any) -> float | None:
    return float(value.total_seconds())


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return float(value)


def _whole(value: Any) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value)  # pids come as text from one of jtop's ways
    number = _number(value)
    return int(number) if number is not None and number >= 0 and number == int(number) else None


def _scaled(value: Any, factor: float) -> float | None:
    number = _number(value)
    return None if number is None else round(number * factor, 6)


def _ratio(percent: Any) -> float | None:
    number = _number(percent)
    return None if number is None or not 0 <= number <= 100 else number / 100


def _bytes(kilobytes: Any) -> int | None:
    number = _number(kilobytes)
    return None if number is None or number < 0 else int(number * _KIBI)


def _text(value: Any) -> str | None:
    return str(value)[:_NAME] if isinstance(value, str) and value else None
