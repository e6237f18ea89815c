"""CPUs: load between two looks, which are online, clocks, and whether jetson_clocks has pinned them."""

from __future__ import annotations

from pathlib import Path

import pytest
from sysfs_damage import damaged
from sysfs_trees import GPU, ORIN, ORIN_15W, Time, copied, look, put

from jetson_deploy.monitor.sources.sysfs import SysfsSource
from jetson_deploy.monitor.sources.sysfs.cpu import Usage, parse_ranges

CPUS = "sys/devices/system/cpu"
RANGES = [
    ("0-5\n", {0, 1, 2, 3, 4, 5}),
    ("0-3,5\n", {0, 1, 2, 3, 5}),
    ("0", {0}),
    ("\n", None),
    ("0-", None),
    ("0-3,\n", None),
    ("5-0", None),
    ("all", None),
    ("99999", None),
]
LOADS = [
    # first look, second look, load of cpu0
    ("cpu0 100 0 0 900 0 0 0 0 0 0", "cpu0 150 0 25 925 0 0 0 0 0 0", 0.75),
    ("cpu0 100 0 0 900 50 0 0 0 0 0", "cpu0 100 0 0 950 100 0 0 0 0 0", 0.0),
    ("cpu0 100 0 0 900 0 0 0 0 50 0", "cpu0 200 0 0 900 0 0 0 0 150 0", 1.0),  # guest time is in user time
    ("cpu0 100 0 0 900 0 0 0 0", "cpu0 150 0 0 950 0 0 0 0", 0.5),
    ("cpu0 100 0 0 900 0 0 0 0 0 0", "cpu0 100 0 0 900 0 0 0 0 0 0", None),
    ("cpu0 100 0 0 900 0 0 0 0 0 0", "cpu0 101 0 0 908 0 0 0 0 0 0", None),  # 0.09 s
    ("cpu0 100 0 0 900 0 0 0 0 0 0", "cpu0 5 0 0 6 0 0 0 0 0 0", None),  # started anew
    ("cpu0 100 0 0 900 0 0 0 0 0 0", "cpu0 200 0 0 890 0 0 0 0 0 0", None),  # idle time ran backwards
    ("cpu0 100 0 0 900 0 0 0 0 0 0", "cpu0 200 0 0", None),
    ("", "cpu0 100 0 0 900 0 0 0 0 0 0", None),
]


@pytest.mark.parametrize(("text", "expected"), RANGES)
def test_ranges_of_cpus(text: str, expected: set[int] | None) -> None:
    assert parse_ranges(text.encode()) == expected


@pytest.mark.parametrize(("first", "second", "expected"), LOADS)
def test_load_is_what_was_not_idle_between_two_looks(first: str, second: str, expected: float | None) -> None:
    usage = Usage()
    for text in (first, second):
        usage.look(f"cpu  9 9 9 9 9 9 9 9 9 9\n{text}\nintr 5\n".encode())
    assert usage.loads.get(0) == expected


def test_looks_that_are_too_near_add_up_until_they_say_something() -> None:
    usage = Usage()
    seen = []
    for busy in (0, 6, 12, 18):
        usage.look(f"cpu0 {busy} 0 0 0 0 0 0 0 0 0\n".encode())
        seen.append(usage.loads[0])
    assert seen == [None, None, 1.0, None]


def test_a_cpu_that_goes_and_comes_back_is_followed(tmp_path: Path) -> None:
    root, clock = copied(ORIN, tmp_path), Time()
    put(root, f"{CPUS}/online", "0-4\n")
    hidden = (root / f"{CPUS}/cpu5/cpufreq").rename(tmp_path / "hidden")
    stat = (root / "proc/stat").read_text()
    put(root, "proc/stat", stat.replace("cpu5 ", "#"))
    source = SysfsSource(root, None, clock=clock)
    offline = source.read().cpus[5]
    assert (offline.online, offline.load, offline.hertz, offline.governor) == (False, None, None, None)
    hidden.rename(root / f"{CPUS}/cpu5/cpufreq")
    put(root, f"{CPUS}/online", "0-5\n")
    put(root, "proc/stat", stat)
    clock.now += 10
    online = source.read().cpus[5]
    assert (online.online, online.hertz, online.max_hertz) == (True, 1.728e9, 1.728e9)


def test_an_offline_cpus_clock_is_not_read_even_where_its_files_stay(roots: dict[str, Path]) -> None:
    with damaged(roots[ORIN], [(f"{CPUS}/online", ("text", b"0-3\n"))]):
        assert [cpu.hertz is None for cpu in look(roots[ORIN]).cpus] == [False] * 4 + [True] * 2


def test_without_the_list_of_online_cpus_those_with_a_line_in_stat_are(roots: dict[str, Path]) -> None:
    stat = b"cpu0 1 0 0 1 0 0 0 0 0 0\n"
    with damaged(roots[ORIN], [(f"{CPUS}/online", ("remove", None)), ("proc/stat", ("text", stat))]):
        assert [cpu.online for cpu in look(roots[ORIN]).cpus] == [True] + [None] * 5


PINNED = [
    (ORIN, {}, True),
    (ORIN_15W, {}, False),
    (ORIN, {f"{CPUS}/cpu3/cpufreq/scaling_min_freq": "729600\n"}, False),
    (ORIN, {f"{CPUS}/cpu3/cpufreq/scaling_min_freq": ""}, None),
    (ORIN, {f"{GPU}/devfreq/17000000.gpu/min_freq": "306000000\n"}, False),
    (ORIN, {f"{GPU}/devfreq/17000000.gpu/max_freq": "?"}, None),
    (ORIN, {f"{CPUS}/cpu3/cpufreq/scaling_min_freq": "729600\n", f"{CPUS}/online": "0-2,4-5\n"}, True),
]


@pytest.mark.parametrize(("name", "texts", "expected"), PINNED)
def test_clocks_are_pinned_when_lowest_is_highest_everywhere(
    name: str, texts: dict[str, str], expected: bool | None, roots: dict[str, Path]
) -> None:
    with damaged(roots[name], [(path, ("text", text.encode())) for path, text in texts.items()]):
        assert look(roots[name]).clocks_pinned is expected


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    to = tmp_path_factory.mktemp("cpus")
    return {name: copied(name, to) for name in (ORIN, ORIN_15W)}
