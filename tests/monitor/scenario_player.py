"""Plays a scenario: values that change in a copy of a captured board, the real reader, and the real rules.

A scenario (scenarios/*.yaml): `board`, `seconds`, `period`; `files`: changes over time, each of one file; `cpu`: load
of all CPUs; `wall`: where the wall clock jumps to; `also`: fields of the board that no file holds (disks); `llm`: the
model's side, laid over what was there; `counts`: counters in it; `troubles`; `expect`: the alerts' timeline.

`set`: {second: text}, null removes the file. `ramp`: {second: number}, straight lines between. `count`: a counter that
rises by so many a second from that second on. `text` and `line` say where the number stands; `line` is one line of a
file that holds others, found by its first word.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import quick_yaml

from jetson_deploy.catalog.alert_rules import AlertRule
from jetson_deploy.monitor.alerts.firing import Change
from jetson_deploy.monitor.alerts.judge import Judge
from jetson_deploy.monitor.model_parts import Llm
from jetson_deploy.monitor.sample import Board, Identity, SourceFailure, SourceName
from jetson_deploy.monitor.sampler import Sampler
from jetson_deploy.monitor.sources.sysfs import SysfsSource

HERE = Path(__file__).parent
SCENARIOS = HERE / "scenarios"
WALL = 1_764_072_000.0
Steps = dict[float, Any]
Told = tuple[float, str, str, str]


class FileChange(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    path: str
    set: Steps | None = None
    ramp: Steps | None = None
    count: Steps | None = None
    begin: int = 0
    """Of `count`."""
    text: str = "{}"
    line: str | None = None

    def content(self, at: float) -> str | None:
        if self.set is not None:
            text: str | None = _last(self.set, at)
            return text
        number = ramp(self.ramp, at) if self.ramp is not None else self.begin + counted(self.count or {}, at)
        return (self.line or self.text).format(round(number)) + "\n"


class Scenario(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    title: str
    board: str = "orin-nano-super-r36.5"
    seconds: float
    period: float = 5.0
    files: list[FileChange] = []
    renames: dict[float, dict[str, str]] = {}
    """At this second a path gets another name: sensors that renumber themselves."""
    cpu: Steps = {}
    """Without it the counters of /proc/stat stand still, and no load is known."""
    wall: Steps = {}
    also: dict[float, dict[str, Any]] = {}
    llm: dict[float, dict[str, Any]] = {}
    counts: dict[str, Steps] = {}
    """`models.0.decode_tokens` → {second: so many a second from then on}; as soon as there is a model."""
    troubles: dict[float, list[SourceFailure]] = {}
    expect: list[Told]


def read_scenario(name: str) -> Scenario:
    text = (SCENARIOS / f"{name}.yaml").read_text(encoding="utf-8")
    return msgspec.convert(quick_yaml.loaded(text), Scenario, strict=False)


def timeline(scenario: Scenario, rules: Mapping[str, AlertRule], boards: Path) -> Iterator[tuple[float, Change]]:
    """What is told, with the second in which it is. The boards are copied below `boards` once, and left as they were
    found: copying 150 files takes longer than most scenarios."""
    tree = boards / scenario.board
    if not tree.exists():
        shutil.copytree(HERE / "boards" / scenario.board, tree, symlinks=True)
    stage = Stage(scenario, tree)
    judge = Judge(rules)
    try:
        for number in range(int(scenario.seconds / scenario.period) + 1):
            stage.go_to(number * scenario.period)
            for change in judge.judge(stage.sampler.sample()):
                yield stage.at, change
    finally:
        stage.undo()


class Stage:
    """The board, the model's side and the clocks of a scenario, at one second."""

    def __init__(self, scenario: Scenario, tree: Path) -> None:
        self.at = 0.0
        self._scenario, self._tree = scenario, tree
        self._written: dict[str, str | None] = {}
        self._before: dict[Path, str | None] = {}
        self._renamed: list[tuple[Path, Path]] = []
        self._busy = [0.0, 0.0]
        self._llm: dict[str, Any] = {}
        self._cpus = sum(line.startswith("cpu") for line in (tree / "proc/stat").read_text().splitlines()) - 1
        source = _Source(SysfsSource(tree, None, clock=self.monotonic), self)
        self.sampler = Sampler([source], self, Identity(board="orin-nano-8gb", hostname="kitchen"), clocks=self)

    def go_to(self, at: float) -> None:
        if self._scenario.cpu:
            self._work(at - self.at, _last(self._scenario.cpu, at))
        self.at = at
        for change in self._scenario.files:
            self._write(change, change.content(at))
        for second, names in self._scenario.renames.items():
            for old, new in names.items() if second <= at else ():
                self._rename(self._tree / old, self._tree / new)

    def undo(self) -> None:
        """The tree as it was found."""
        for old, new in reversed(self._renamed):
            new.rename(old)
        for path, content in self._before.items():
            path.unlink(missing_ok=True) if content is None else path.write_text(content)

    # The sampler's clocks.
    def wall(self) -> float:
        jumps = {second: to + self.at - second for second, to in self._scenario.wall.items() if second <= self.at}
        return float(jumps[max(jumps)]) if jumps else WALL + self.at

    def monotonic(self) -> float:
        return 1000.0 + self.at

    # The sampler's model side.
    def read(self) -> tuple[Llm, tuple[SourceFailure, ...]]:
        state: Any = {}
        for second in sorted(self._scenario.llm):
            if second <= self.at:
                state = _laid_over(state, self._scenario.llm[second])
        for path, rates in self._scenario.counts.items() if state.get("models") else ():
            *steps, last = path.split(".")
            place = state
            for step in steps:
                place = place[int(step)] if step.isdigit() else place[step]
            place[last] = type(place.get(last, 0))(counted(rates, self.at))
        return msgspec.convert(state, Llm), tuple(_last(self._scenario.troubles, self.at) or ())

    def close(self) -> None:
        pass

    def fields(self) -> dict[str, Any]:
        """Of the board, that no file holds."""
        given = _last(self._scenario.also, self.at) or {}
        board = msgspec.convert(given, Board)
        return {name: getattr(board, name) for name in given}

    def _write(self, change: FileChange, content: str | None) -> None:
        key = f"{change.path} {change.line}"
        if key in self._written and self._written[key] == content:
            return
        self._written[key] = content
        path = self._tree / change.path
        if change.line and content is not None:
            content = _with_line(path, content)
        self._put(path, content)

    def _put(self, path: Path, content: str | None) -> None:
        if path not in self._before:
            self._before[path] = path.read_text() if path.exists() else None
        if content is None:
            path.unlink(missing_ok=True)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)

    def _rename(self, old: Path, new: Path) -> None:
        if (old, new) not in self._renamed:
            self._renamed.append((old, new))
            old.rename(new)

    def _work(self, seconds: float, load: float) -> None:
        """Ticks of 10 ms in /proc/stat."""
        self._busy[0] += seconds * load * 100
        self._busy[1] += seconds * (1 - load) * 100
        user, idle = (round(one) for one in self._busy)
        each = [f"cpu{number} {user} 0 0 {idle} 0 0 0 0 0 0" for number in range(self._cpus)]
        whole = f"cpu  {user * self._cpus} 0 0 {idle * self._cpus} 0 0 0 0 0 0"
        self._put(self._tree / "proc/stat", "\n".join([whole, *each]) + "\n")


class _Source:
    """The real reader, and what no file can hold."""

    name: SourceName = "sysfs"

    def __init__(self, real: SysfsSource, stage: Stage) -> None:
        self._real, self._stage = real, stage

    def poll(self) -> None:
        self._real.poll()

    def read(self) -> Board:
        return msgspec.structs.replace(self._real.read(), **self._stage.fields())

    def close(self) -> None:
        self._real.close()


def ramp(points: Mapping[float, float], at: float) -> float:
    """Constant before the first and behind the last point."""
    before = max((second for second in points if second <= at), default=min(points))
    after = min((second for second in points if second > at), default=before)
    share = (at - before) / (after - before) if after > before else 0.0
    return points[before] + (points[after] - points[before]) * share


def counted(rates: Mapping[float, float], at: float) -> float:
    """`reset` (None) sets the counter to 0."""
    total, seconds = 0.0, sorted(rates)
    for second, following in zip(seconds, [*seconds[1:], math.inf], strict=True):
        if second > at:
            break
        rate = rates[second]
        total = 0.0 if rate is None else total + rate * (min(at, following) - second)
    return total


def _last(steps: Mapping[float, Any], at: float) -> Any:
    known = [second for second in steps if second <= at]
    return steps[max(known)] if known else None


def _laid_over(base: Any, over: Any) -> Any:
    """Maps key by key; of a list, one by one where both have one."""
    if isinstance(base, dict) and isinstance(over, dict):
        return {**base, **{key: _laid_over(base.get(key), value) for key, value in over.items()}}
    if isinstance(base, Sequence) and isinstance(over, list) and len(base) == len(over):
        return [_laid_over(one, other) for one, other in zip(base, over, strict=True)]
    if isinstance(over, list):
        return [_laid_over(None, one) for one in over]
    return dict(over) if isinstance(over, dict) else over


def _with_line(path: Path, line: str) -> str:
    word = line.split()[0]
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    kept = [line if one.split()[:1] == [word] else one for one in lines]
    return "".join(kept if line in kept else [*kept, line])
