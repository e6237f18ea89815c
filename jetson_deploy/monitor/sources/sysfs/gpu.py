"""GPUs, codecs and the memory controller, as devfreq shows them; the GPU's load, read many times a second."""

from __future__ import annotations

import re

import msgspec

from jetson_deploy.monitor.board_parts import Emc, Engine, Gpu
from jetson_deploy.monitor.sources.sysfs.files import Files
from jetson_deploy.monitor.sources.sysfs.tree import Directory, Tree, distinct

_DEVFREQ = "sys/class/devfreq"
_ANY = re.compile(r"[\w.:@+-]{1,63}")
_GPU = re.compile(r"gpu-gpc-[0-9]+|[0-9a-f]+\.(?:gpu|gp10b|gv11b|ga10b|gb10b)")
_ENGINE = re.compile(r"(?:[0-9a-f]+\.)((?:nvenc|msenc|nvdec|nvjpg|nvdla|vic|pva|ofa|ape|tsec)[0-9]*)|gpu-nvd-[0-9]+")
"""`gpu-nvd-0` of Thor clocks its codecs, for all its name."""
_GPU_NODES = ("gpu", "gp10b", "gv11b", "ga10b", "gb10b")
_LOADS = ("sys/devices/gpu.0", "sys/devices/platform/gpu.0")
"""An alias of the GPU on boards before Thor."""
_EMC_CLOCKS = (
    ("sys/kernel/debug/bpmp/debug/clk/emc", "rate", "max_rate"),
    (f"{_DEVFREQ}/bwmgr", "cur_freq", "max_freq"),
    ("sys/kernel/debug/clk/override.emc", "clk_rate", "clk_max_rate"),
    ("sys/kernel/debug/clk/emc", "clk_rate", "clk_max_rate"),
)
"""Only root may read debugfs; any user may read Thor's bwmgr."""
_EMC_ACTIVITY = ("sys/kernel/debug/cactmon", "sys/kernel/debug/actmon_avg_activity")
HERTZ = 100_000_000_000
"""Above every clock."""
_PER_MILLE = 1000


class GpuFiles(msgspec.Struct, frozen=True):
    name: str
    load: str | None = None
    current: str | None = None
    lowest: str | None = None
    highest: str | None = None
    governor: str | None = None


class EngineFiles(msgspec.Struct, frozen=True):
    name: str
    current: str | None


class EmcFiles(msgspec.Struct, frozen=True):
    current: str | None = None
    highest: str | None = None
    activity: str | None = None
    """kHz in use."""


def find_gpus(tree: Tree) -> tuple[GpuFiles, ...]:
    found = [_gpu(tree, name) for name in tree.names(_DEVFREQ, _ANY) if _is_gpu(tree, name)]
    if found and any(gpu.load for gpu in found):
        return tuple(found)
    alias = next((path for d in _LOADS if (one := tree.directory(d)) and (path := one.file("load"))), None)
    if alias is None:
        return tuple(found)
    first = msgspec.structs.replace(found[0], load=alias) if found else GpuFiles("gpu.0", alias)
    return (first, *found[1:])


def find_engines(tree: Tree) -> tuple[EngineFiles, ...]:
    names = [name for name in tree.names(_DEVFREQ, _ANY) if _ENGINE.fullmatch(name)]
    shown = distinct(_engine_name(name) for name in names)
    paths = [tree.directory(f"{_DEVFREQ}/{name}") for name in names]
    return tuple(EngineFiles(n, d.file("cur_freq")) for n, d in zip(shown, paths, strict=True) if d)


def find_emc(tree: Tree) -> EmcFiles:
    activity = next((path for d in _EMC_ACTIVITY if (one := tree.directory(d)) and (path := one.file("mc_all"))), None)
    for path, current, highest in _EMC_CLOCKS:
        clock = tree.directory(path)
        if clock is not None and clock.file(current):
            return EmcFiles(clock.file(current), clock.file(highest), activity)
    return EmcFiles()


def read_gpus(found: tuple[GpuFiles, ...], files: Files, loads: Loads) -> tuple[Gpu, ...]:
    return tuple(
        Gpu(
            name=gpu.name,
            load=loads.mean(gpu.name),
            load_max=loads.highest(gpu.name),
            hertz=files.scaled(gpu.current, 0, HERTZ, 1),
            min_hertz=files.scaled(gpu.lowest, 0, HERTZ, 1),
            max_hertz=files.scaled(gpu.highest, 1, HERTZ, 1),
            governor=files.word(gpu.governor),
        )
        for gpu in found
    )


def read_engines(found: tuple[EngineFiles, ...], files: Files) -> tuple[Engine, ...]:
    return tuple(Engine(name=one.name, hertz=files.scaled(one.current, 0, HERTZ, 1)) for one in found)


def read_emc(found: EmcFiles, files: Files) -> Emc:
    hertz = files.number(found.current, 0, HERTZ)
    active = files.number(found.activity, 0, HERTZ)
    load = active * 1000 / hertz if hertz and active is not None else None
    return Emc(
        load=load if load is not None and load <= 1 else None,
        hertz=None if hertz is None else float(hertz),
        max_hertz=files.scaled(found.highest, 1, HERTZ, 1),
    )


class Loads:
    """Load readings since the last sample, by GPU."""

    def __init__(self) -> None:
        self._seen: dict[str, list[int]] = {}

    def look(self, found: tuple[GpuFiles, ...], files: Files) -> None:
        for gpu in found:
            value = files.number(gpu.load, 0, _PER_MILLE)
            if value is not None:
                self._seen.setdefault(gpu.name, []).append(value)

    def mean(self, name: str) -> float | None:
        seen = self._seen.get(name)
        return sum(seen) / len(seen) / _PER_MILLE if seen else None

    def highest(self, name: str) -> float | None:
        seen = self._seen.get(name)
        return max(seen) / _PER_MILLE if seen else None

    def clear(self) -> None:
        self._seen.clear()


def _is_gpu(tree: Tree, name: str) -> bool:
    if _GPU.fullmatch(name):
        return True
    if _ENGINE.fullmatch(name):
        return False
    device = tree.directory(f"{_DEVFREQ}/{name}/device/of_node")
    node = tree.word(device.file("name")) if device else None
    return node in _GPU_NODES


def _gpu(tree: Tree, name: str) -> GpuFiles:
    clock = tree.directory(f"{_DEVFREQ}/{name}") or Directory("", frozenset())
    device = tree.directory(f"{_DEVFREQ}/{name}/device")
    return GpuFiles(
        name,
        device.file("load") if device else None,
        clock.file("cur_freq"),
        clock.file("min_freq"),
        clock.file("max_freq"),
        clock.file("governor"),
    )


def _engine_name(name: str) -> str:
    """`15340000.vic` → `VIC`."""
    match = _ENGINE.fullmatch(name)
    return match[1].upper() if match and match[1] else name
