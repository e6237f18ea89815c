"""Damaged trees: never another exception than SourceError, never a number that no file holds, nothing else changes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sysfs_damage import Damage, can_hold_a_number, damaged, damages, fields_fed_by, files_of, numbers_of
from sysfs_trees import BOARDS, NAMES, Time, copied, look, look_or_nothing

from jetson_deploy.monitor.sample import Board
from jetson_deploy.monitor.sources.sysfs import SysfsSource

CLASSES = {
    "thermal": {"zones", "coolers"},
    "hwmon": {"rails", "power", "fans", "over_currents"},
    "devfreq": {"gpus", "engines", "emc", "clocks_pinned"},
}
PARTS = {
    **{f"sys/class/{name}": fields for name, fields in CLASSES.items()},
    "sys/class": set[str]().union(*CLASSES.values()),
    "sys/devices/system/cpu": {"cpus", "clocks_pinned"},
    "sys/devices/virtual": {"zones", "coolers"},
    "sys/bus": {"rails", "power"},
    "proc": {"memory", "swaps", "cpus", "uptime_seconds"},
    "var": {"power_mode"},
    "etc": {"power_mode"},
}
MISSING = [(name, part) for name in NAMES for part in PARTS if (BOARDS / name / part).exists()]


class Tree(NamedTuple):
    root: Path
    files: list[str]
    whole: Board
    """What is seen without damage."""


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tree]:
    to = tmp_path_factory.mktemp("damage")
    roots = {name: copied(name, to) for name in NAMES}
    return {name: Tree(root, files_of(root), look(root)) for name, root in roots.items()}


def drawn(data: st.DataObject, tree: Tree) -> tuple[list[tuple[str, Damage]], set[str]]:
    """What is damaged how, and the fields that may change."""
    paths = data.draw(st.lists(st.sampled_from(tree.files), min_size=1, max_size=4, unique=True))
    fed = set[str]().union(*(fields_fed_by(tree.root, path) for path in paths))
    return [(path, data.draw(damages)) for path in paths], fed


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_damaged_files_change_only_the_fields_that_they_feed(data: st.DataObject, trees: dict[str, Tree]) -> None:
    tree = trees[data.draw(st.sampled_from(NAMES))]
    root, whole = tree.root, tree.whole
    all_of, fed = drawn(data, tree)
    with damaged(root, all_of):
        seen = look_or_nothing(root)
    assert changed(whole, seen) <= fed
    assert is_sane(seen)
    if not any(can_hold_a_number(damage) for _, damage in all_of):
        assert numbers_of(seen) - made_of_others(seen) <= numbers_of(whole)


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_running_source_survives_damage_and_sees_what_is_whole_again(
    data: st.DataObject, trees: dict[str, Tree]
) -> None:
    tree, clock = trees[data.draw(st.sampled_from(NAMES))], Time()
    root, whole = tree.root, tree.whole
    all_of, fed = drawn(data, tree)
    source = SysfsSource(root, None, clock=clock)
    source.read()
    with damaged(root, all_of):
        for seconds in (1, 10):
            clock.now += seconds
            source.poll()
            seen = source.read()
            assert changed(whole, seen) <= fed
            assert is_sane(seen)
    clock.now += 60
    source.read()  # loads that were polled over the damage
    assert changed(whole, source.read()) <= {"cpus"}
    assert [cpu.hertz for cpu in source.read().cpus] == [cpu.hertz for cpu in whole.cpus]


@pytest.mark.parametrize(("name", "part"), MISSING)
def test_a_whole_part_that_is_missing_takes_nothing_else_with_it(name: str, part: str, trees: dict[str, Tree]) -> None:
    root, whole, fed = trees[name].root, trees[name].whole, PARTS[part]
    away = (root / part).rename(root / "away")
    try:
        assert changed(whole, look_or_nothing(root)) <= fed
        (root / part).write_text("a file in place of a directory\n")
        assert changed(whole, look_or_nothing(root)) <= fed
    finally:
        (root / part).unlink(missing_ok=True)
        away.rename(root / part)


def changed(before: Board, after: Board) -> set[str]:
    return {field for field in Board.__struct_fields__ if getattr(before, field) != getattr(after, field)}


def made_of_others(board: Board) -> set[float]:
    """Watts that are no file's: volts times amperes where INA238's own watts are gone, the sum where its rail is."""
    known = [(rail.watts, rail.volts, rail.amperes) for rail in board.rails]
    made = {w for w, v, a in known if w is not None and v is not None and a is not None and math.isclose(w, v * a)}
    total = {board.power.watts} if board.power else set()
    summed = math.fsum(w for w, _, _ in known if w is not None)
    return made | {watts for watts in total if watts in made or math.isclose(watts, summed, abs_tol=1e-6)}


def is_sane(board: Board) -> bool:
    """Within what the fields promise."""
    assert all(math.isfinite(number) for number in numbers_of(board))
    ratios = [gpu.load for gpu in board.gpus] + [fan.ratio for fan in board.fans] + [cpu.load for cpu in board.cpus]
    assert all(0 <= ratio <= 1 for ratio in ratios if ratio is not None)
    assert all(-40 <= zone.celsius <= 150 for zone in board.zones if zone.celsius is not None)
    assert all(-40 <= trip.celsius <= 150 for zone in board.zones for trip in zone.trips)
    clocks = [hertz for gpu in board.gpus for hertz in (gpu.hertz, gpu.min_hertz, gpu.max_hertz)]
    clocks += [hertz for cpu in board.cpus for hertz in (cpu.hertz, cpu.min_hertz, cpu.max_hertz)]
    assert all(0 <= hertz <= 1e11 for hertz in clocks if hertz is not None)
    assert all(0 <= rail.volts <= 100 for rail in board.rails if rail.volts is not None)
    assert all(line.count >= 0 for line in board.over_currents)
    memory = board.memory
    parts = (memory.available_bytes, memory.free_bytes, memory.cached_bytes, memory.gpu_bytes)
    total = memory.total_bytes
    assert total is None or all(part <= total for part in parts if part is not None)
    return True
