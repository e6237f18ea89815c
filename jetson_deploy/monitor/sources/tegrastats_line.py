"""One line of tegrastats → `Board`, for all formats from L4T 28.1 to 39.

Words are taken where they are known, in any order, and all others are left alone: a line that is cut, damaged or of a
release to come gives less, never an error and never a number that does not stand in it. Why some numbers are not taken
is said at each.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import msgspec

from jetson_deploy.monitor.board_parts import Cpu, Emc, Engine, Gpu, Memory, Rail, Swap, Zone
from jetson_deploy.monitor.sample import Board
from jetson_deploy.monitor.sources.sysfs.rails import total_power

GPU = "GR3D"
SWAP = "swap"
_COLDEST, _HOTTEST = -40.0, 150.0
"""°C. -256 is a sensor that is switched off."""
_PLACEHOLDER = {"PMIC": (50.0, 100.0)}
"""°C that no sensor measured: every TX1 to Xavier says so, at all times."""
_MEBI, _KIBI, _MEGA, _MILLI = 1 << 20, 1 << 10, 1_000_000, 1000

_OF_MB = re.compile(r"(\d{1,9})/(\d{1,9})MB", re.ASCII)
_BLOCKS = re.compile(r"(\d{1,9})x(\d{1,9})(MB|kB)\)", re.ASCII)
_CPUS = re.compile(r"\[([^\[\]]*)\](?:@(\d{1,5}))?", re.ASCII)
_CPU = re.compile(r"(\d{1,3})%(?:@(\d{1,5}))?", re.ASCII)
_LOAD = re.compile(r"(?:(\d{1,3})%)?(?:@(\d{1,5}|\[\d{1,5}(?:,\d{1,5})*\]))?", re.ASCII)
_ENGINE = re.compile(r"((?:NVENC|NVDEC|NVJPG|NVDLA|VIC|OFA|PVA|APE)\d*)(?:_FREQ)?", re.ASCII)
_ENGINE_VALUE = re.compile(r"(?:(\d{1,3})%)?@?(\d{1,5})", re.ASCII)
_ZONE = re.compile(r"([A-Za-z]\w{0,39})@(-?\d{1,4}(?:\.\d{1,6})?)C(?:/-?\d{1,4}(?:\.\d{1,6})?C)?", re.ASCII)
_RAIL_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,39}", re.ASCII)
_RAIL = re.compile(r"(-?\d{1,7})mW(?:/-?\d{1,7}mW){0,2}|(-?\d{1,7})/-?\d{1,7}", re.ASCII)
"""Current, then average, then (39.x) highest. mW is not said below L4T 34; there a single number is no rail."""
_NO_RAIL = ("NC", "RAM", "SWAP", "IRAM", "MTS")


class _Found(msgspec.Struct):
    memory: Memory | None = None
    swap: Swap | None = None
    cpus: tuple[Cpu, ...] = ()
    gpu: Gpu | None = None
    emc: Emc | None = None
    zones: dict[str, Zone] = {}
    engines: dict[str, Engine] = {}
    rails: dict[str, Rail] = {}


def parse_tegrastats(line: str) -> Board:
    """What this line tells; an empty Board for a line of something else."""
    words, found = line.split(), _Found()
    for number, word in enumerate(words):
        behind = words[number + 1 : number + 4]
        before = words[number - 1] if number else None
        _take(found, word, behind, before)
    rails = tuple(found.rails.values())
    return Board(
        gpus=(found.gpu,) if found.gpu else (),
        cpus=found.cpus,
        memory=found.memory or Memory(),
        swaps=(found.swap,) if found.swap else None,
        emc=found.emc or Emc(),
        zones=tuple(found.zones.values()),
        rails=rails,
        power=total_power(rails),
        engines=tuple(found.engines.values()),
    )


def _take(found: _Found, word: str, behind: list[str], before: str | None) -> None:
    value = behind[0] if behind else ""
    if taker := _NAMED.get(word):
        taker(found, value, behind[1:])
    elif word.startswith("[") and before in (None, "CPU", "cpu"):  # a line whose begin was lost may start with it
        found.cpus = found.cpus or _cpus(word)
    elif match := _ZONE.fullmatch(word):
        name = match[1]
        found.zones.setdefault(name, Zone(name=name, celsius=_celsius(name, float(match[2]))))
    elif match := _ENGINE.fullmatch(word):
        if engine := _engine(match[1], value):
            found.engines.setdefault(match[1], engine)
    elif word not in _NO_RAIL and _RAIL_NAME.fullmatch(word) and (match := _RAIL.fullmatch(value)):
        milliwatts = int(match[1] or match[2])  # may be below 0: an idle rail's sensor has an offset
        found.rails.setdefault(word, Rail(name=word, watts=milliwatts / _MILLI))


def _ram(found: _Found, value: str, behind: list[str]) -> None:
    match = _OF_MB.fullmatch(value)
    if not match or found.memory or int(match[1]) > int(match[2]):
        return
    block = None
    if len(behind) > 1 and behind[0] == "(lfb" and (blocks := _BLOCKS.fullmatch(behind[1])) and int(blocks[1]):
        block = int(blocks[2]) * (_MEBI if blocks[3] == "MB" else _KIBI)
    total = int(match[2]) * _MEBI
    found.memory = Memory(
        total_bytes=total, available_bytes=total - int(match[1]) * _MEBI, largest_free_block_bytes=block
    )


def _swap(found: _Found, value: str, _behind: list[str]) -> None:
    match = _OF_MB.fullmatch(value)
    if match and not found.swap and int(match[1]) <= int(match[2]):
        total, used = int(match[2]) * _MEBI, int(match[1]) * _MEBI
        found.swap = Swap(device=SWAP, kind="all", total_bytes=total, used_bytes=used)


def _gpu(found: _Found, value: str, _behind: list[str]) -> None:
    """GR3D2 is the other half of the same GPU: the higher of both counts, as of the clocks of its clusters."""
    load, hertz = _load(value)
    if load is None and hertz is None:
        return
    other = found.gpu or Gpu(name=GPU)
    found.gpu = Gpu(name=GPU, load=_higher(load, other.load), hertz=_higher(hertz, other.hertz))


def _emc(found: _Found, value: str, _behind: list[str]) -> None:
    """`0%` without a clock is printed for users other than root: the load is unknown then."""
    load, hertz = _load(value)
    if hertz is None and load == 0:
        return
    if found.emc is None and (load is not None or hertz is not None):
        found.emc = Emc(load=load, hertz=hertz)


_NAMED: Mapping[str, Callable[[_Found, str, list[str]], None]] = {
    "RAM": _ram,
    "SWAP": _swap,
    "GR3D_FREQ": _gpu,
    "GR3D2_FREQ": _gpu,
    "EMC_FREQ": _emc,
    "GR3D": _gpu,
    "EMC": _emc,
}
"""Without `_FREQ`: L4T 28.1 and older. GR3D_PCI beside it is the clock of another engine, and is left alone."""


def _load(value: str) -> tuple[float | None, float | None]:
    """`63%`, `0%@76`, `0%@[305,305]`, `@[314,314,314]` → ratio, hertz."""
    match = _LOAD.fullmatch(value)
    if not match:
        return None, None
    clocks = [int(text) for text in match[2].strip("[]").split(",")] if match[2] else []
    return _ratio(match[1]), float(max(clocks) * _MEGA) if clocks else None


def _cpus(word: str) -> tuple[Cpu, ...]:
    """A CPU whose words are damaged keeps its place, and no more than that. `[…]@1734`: one clock for all (TX1)."""
    match = _CPUS.fullmatch(word)
    shared = f"@{match[2]}" if match and match[2] else ""
    texts = match[1].split(",") if match else []
    found = tuple(_cpu(n, text + shared if text.endswith("%") else text) for n, text in enumerate(texts))
    return found if any(cpu.online is not None for cpu in found) else ()


def _cpu(number: int, text: str) -> Cpu:
    if text == "off":
        return Cpu(number=number, online=False)
    match = _CPU.fullmatch(text)
    if not match:
        return Cpu(number=number)
    hertz = float(int(match[2]) * _MEGA) if match[2] else None
    return Cpu(number=number, online=True, load=_ratio(match[1]), hertz=hertz)


def _engine(name: str, value: str) -> Engine | None:
    if value == "off":
        return Engine(name=name, online=False)
    match = _ENGINE_VALUE.fullmatch(value)
    if not match:
        return None
    return Engine(name=name, online=True, hertz=float(int(match[2]) * _MEGA), load=_ratio(match[1]))


def _celsius(name: str, value: float) -> float | None:
    return value if _COLDEST <= value <= _HOTTEST and value not in _PLACEHOLDER.get(name, ()) else None


def _ratio(percent: str | None) -> float | None:
    return None if percent is None or int(percent) > 100 else int(percent) / 100


def _higher(one: float | None, other: float | None) -> float | None:
    known = [value for value in (one, other) if value is not None]
    return max(known) if known else None
