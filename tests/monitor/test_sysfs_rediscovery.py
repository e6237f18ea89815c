"""Devices that are numbered anew, come late, or go: found again, and not more often than every 10 seconds."""

from __future__ import annotations

from pathlib import Path

import pytest
from sysfs_trees import ORIN, THERMAL, Time, copied, look, put

from jetson_deploy.monitor.sample import Board
from jetson_deploy.monitor.sources.source import SourceError
from jetson_deploy.monitor.sources.sysfs import SysfsSource

HWMONS = (
    ("sys/devices/platform/pwm-fan/hwmon", 0),
    ("sys/devices/platform/bus@0/c240000.i2c/i2c-1/1-0040/hwmon", 1),
    ("sys/devices/platform/bus@0/39c0000.tachometer/hwmon", 2),
    ("sys/devices/platform/soctherm-oc-event/hwmon", 3),
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return copied(ORIN, tmp_path)


def renumber(root: Path, new: dict[int, int]) -> None:
    for parent, number in HWMONS:
        (root / parent / f"hwmon{number}").rename(root / parent / f"hwmon{new[number]}")
        (root / f"sys/class/hwmon/hwmon{number}").unlink()
    for parent, number in HWMONS:
        target = f"../../{parent.removeprefix('sys/')}/hwmon{new[number]}"
        (root / f"sys/class/hwmon/hwmon{new[number]}").symlink_to(target)


@pytest.mark.parametrize("new", [{0: 3, 1: 0, 2: 1, 3: 2}, {0: 10, 1: 9, 2: 8, 3: 7}])
def test_other_numbers_change_nothing(new: dict[int, int], root: Path) -> None:
    before = look(root)
    renumber(root, new)
    assert look(root) == before


def test_numbers_that_change_under_a_running_monitor_are_followed_in_one_look(root: Path) -> None:
    clock = Time()
    source = SysfsSource(root, None, clock=clock)
    before = source.read()
    renumber(root, {0: 13, 1: 12, 2: 11, 3: 10})
    clock.now += 10
    assert source.read() == before


def test_within_ten_seconds_what_vanished_is_unknown_and_then_looked_for_again(root: Path) -> None:
    clock = Time()
    source = SysfsSource(root, None, clock=clock)
    before = source.read()
    renumber(root, {0: 13, 1: 12, 2: 11, 3: 10})
    clock.now += 9.9
    lost = source.read()
    assert (lost.power, lost.over_currents, lost.fans[0].rpm) == (None, (), None)
    assert [rail.watts for rail in lost.rails] == [None, None, None]
    assert lost.zones == before.zones
    clock.now += 0.1
    assert source.read() == before


def test_what_stays_away_is_looked_for_once_and_not_every_ten_seconds(root: Path) -> None:
    """Where files that never were there are not missed, a board is not searched for ever."""
    clock = Time()
    source = SysfsSource(root, None, clock=clock)
    source.read()
    (root / f"{THERMAL}/thermal_zone8/temp").unlink()
    clock.now += 10
    assert source.read().zones[8].celsius is None
    put(root, f"{THERMAL}/thermal_zone8/temp", "50531\n")  # comes late: nothing known vanished
    clock.now += 10
    assert source.read().zones[8].celsius is None
    clock.now += 50
    assert source.read().zones[8].celsius == 50.531


def test_a_reboot_is_known_by_its_boot_id_and_everything_is_found_again(root: Path) -> None:
    ids = ("7d0d017c-d341-472e-bf27-fb59f614ac25", "00000000-d341-472e-bf27-fb59f614ac25")
    clock = Time()
    put(root, "proc/sys/kernel/random/boot_id", ids[0] + "\n")
    source = SysfsSource(root, None, clock=clock)
    assert source.read().boot_id == ids[0]
    put(root, "proc/sys/kernel/random/boot_id", ids[1] + "\n")
    put(root, f"{THERMAL}/thermal_zone0/trip_point_0_temp", "97000\n")
    clock.now += 10
    board = source.read()
    assert (board.boot_id, board.zones[0].trips[0].celsius) == (ids[1], 97.0)


def test_a_tree_that_goes_is_an_error_and_a_tree_that_comes_back_is_read(root: Path) -> None:
    clock = Time()
    source = SysfsSource(root, None, clock=clock)
    before = source.read()
    away = root.rename(root.with_name("away"))
    clock.now += 10
    with pytest.raises(SourceError):
        source.read()
    source.poll()
    away.rename(root)
    clock.now += 60
    assert source.read() == before


def test_links_of_a_captured_board_do_not_lead_out_of_it(root: Path, tmp_path: Path) -> None:
    put(tmp_path, "outside/temp", "11000\n")
    put(tmp_path, "outside/type", "outside\n")
    (root / "sys/class/thermal/thermal_zone20").symlink_to("../" * 20 + str(tmp_path / "outside").lstrip("/"))
    (root / "sys/class/thermal/thermal_zone21").symlink_to(tmp_path / "outside")
    temp = root / f"{THERMAL}/thermal_zone0/temp"
    temp.unlink()
    temp.symlink_to(tmp_path / "outside/temp")
    zones = look(root).zones
    assert "outside" not in [zone.name for zone in zones]
    assert zones[0].celsius is None


def test_links_in_circles_end(tmp_path: Path) -> None:
    put(tmp_path, "proc/uptime", "1.00 1.00\n")
    for path in ("sys/class/thermal", "sys/class/hwmon", "sys/class/devfreq", "sys/devices/system/cpu"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).symlink_to(".." if path.endswith("cpu") else "thermal")
    assert look(tmp_path) == Board(uptime_seconds=1.0)
