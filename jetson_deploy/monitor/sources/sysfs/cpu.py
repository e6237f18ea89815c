"""CPUs: which are online, their clocks, and their load between two looks at /proc/stat."""

from __future__ import annotations

import re

import msgspec

from jetson_deploy.monitor.board_parts import Cpu, Gpu
from jetson_deploy.monitor.sources.sysfs.files import Files
from jetson_deploy.monitor.sources.sysfs.tree import Tree

_CPUS = "sys/devices/system/cpu"
_CPU = re.compile(r"cpu[0-9]{1,4}")
_STAT = re.compile(rb"^cpu([0-9]{1,4})((?: [0-9]{1,18}){8})(?: |$)", re.MULTILINE)
_RANGES = re.compile(rb"[0-9]{1,4}(?:-[0-9]{1,4})?(?:,[0-9]{1,4}(?:-[0-9]{1,4})?)*")
_KILOHERTZ = 100_000_000
_FEWEST_TICKS = 10
"""0.1 s: over less, a load is mostly rounding."""
_IDLE, _IOWAIT = 3, 4


class PolicyFiles(msgspec.Struct, frozen=True):
    """cpufreq, shared by the CPUs of a cluster. `cpuinfo_cur_freq` is never read: it makes the kernel log."""

    path: str
    current: str | None
    lowest: str | None
    highest: str | None
    governor: str | None
    hardware_highest: float | None


class CpuFiles(msgspec.Struct, frozen=True):
    policies: dict[int, PolicyFiles | None]
    """CPU number → its policy."""
    online: str | None
    online_then: bytes | None
    """What the file said when the policies were looked for: that of an offline CPU is not there."""


class Clocks(msgspec.Struct, frozen=True):
    current: float | None = None
    lowest: float | None = None
    highest: float | None = None
    governor: str | None = None


def find_cpus(tree: Tree) -> CpuFiles:
    root = tree.directory(_CPUS)
    online = root.file("online") if root else None
    numbers = [int(name[3:]) for name in tree.names(_CPUS, _CPU)]
    return CpuFiles({number: _policy(tree, number) for number in numbers}, online, tree.files.start(online))


def read_cpus(found: CpuFiles, files: Files, usage: Usage) -> tuple[Cpu, ...]:
    text = files.start(found.online)
    if text is not None and text != found.online_then:
        files.vanished = True
    online = parse_ranges(text)
    clocks: dict[str, Clocks] = {}
    numbers = sorted({*found.policies, *usage.loads})
    return tuple(_cpu(number, found, online, usage, files, clocks) for number in numbers)


def pinned(gpus: tuple[Gpu, ...], cpus: tuple[Cpu, ...]) -> bool | None:
    """Lowest = highest everywhere; one that differs proves the contrary, one that is unknown leaves it open."""
    running = [cpu for cpu in cpus if cpu.online is not False]
    spans = [(gpu.min_hertz, gpu.max_hertz) for gpu in gpus] + [(cpu.min_hertz, cpu.max_hertz) for cpu in running]
    if any(low is not None and high is not None and low != high for low, high in spans):
        return False
    if not gpus or not running or any(low is None or high is None for low, high in spans):
        return None
    return True


class Usage:
    """Loads between two looks. Online CPUs alone have a line in /proc/stat."""

    def __init__(self) -> None:
        self._before: dict[int, list[int]] = {}
        self.loads: dict[int, float | None] = {}

    def look(self, stat: bytes | None) -> None:
        now = {int(number): list(map(int, ticks.split())) for number, ticks in _STAT.findall(stat or b"")}
        self.loads = {}
        for number, ticks in now.items():
            before = self._before.setdefault(number, ticks)
            spent = sum(ticks) - sum(before)
            if 0 <= spent < _FEWEST_TICKS:
                self.loads[number] = None
                continue
            self.loads[number] = _load(before, ticks, spent)
            self._before[number] = ticks
        for number in self._before.keys() - now.keys():  # offline: its counters start anew on some kernels
            del self._before[number]


def parse_ranges(text: bytes | None) -> frozenset[int] | None:
    """`0-3,5` → 0, 1, 2, 3, 5."""
    if text is None or not _RANGES.fullmatch(text.strip()):
        return None
    numbers: set[int] = set()
    for part in text.strip().split(b","):
        first, _, last = part.partition(b"-")
        if int(last or first) < int(first):
            return None
        numbers.update(range(int(first), int(last or first) + 1))
    return frozenset(numbers)


def _load(before: list[int], ticks: list[int], spent: int) -> float | None:
    idle = ticks[_IDLE] + ticks[_IOWAIT] - before[_IDLE] - before[_IOWAIT]
    return (spent - idle) / spent if spent > 0 and 0 <= idle <= spent else None


def _policy(tree: Tree, number: int) -> PolicyFiles | None:
    found = tree.directory(f"{_CPUS}/cpu{number}/cpufreq")
    if found is None:
        return None
    return PolicyFiles(
        found.path,
        found.file("scaling_cur_freq"),
        found.file("scaling_min_freq"),
        found.file("scaling_max_freq"),
        found.file("scaling_governor"),
        _hertz(tree.files.number(found.file("cpuinfo_max_freq"), 1, _KILOHERTZ)),
    )


def _cpu(
    number: int,
    found: CpuFiles,
    online: frozenset[int] | None,
    usage: Usage,
    files: Files,
    seen: dict[str, Clocks],
) -> Cpu:
    running = number in online if online is not None else True if number in usage.loads else None
    policy = found.policies.get(number)
    clocks = Clocks()
    if policy is not None and running is not False:
        if policy.path not in seen:
            seen[policy.path] = _clocks(policy, files)
        clocks = seen[policy.path]
    return Cpu(
        number=number,
        online=running,
        load=usage.loads.get(number),
        hertz=clocks.current,
        min_hertz=clocks.lowest,
        max_hertz=clocks.highest,
        hardware_max_hertz=policy.hardware_highest if policy else None,
        governor=clocks.governor,
    )


def _clocks(policy: PolicyFiles, files: Files) -> Clocks:
    return Clocks(
        _hertz(files.number(policy.current, 0, _KILOHERTZ)),
        _hertz(files.number(policy.lowest, 0, _KILOHERTZ)),
        _hertz(files.number(policy.highest, 1, _KILOHERTZ)),
        files.word(policy.governor),
    )


def _hertz(kilohertz: int | None) -> float | None:
    return None if kilohertz is None else kilohertz * 1000.0
