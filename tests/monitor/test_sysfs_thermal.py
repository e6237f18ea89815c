"""Trips and what is bound to them, cooling devices, throttle events."""

from __future__ import annotations

from pathlib import Path

from sysfs_trees import ORIN, THERMAL, copied, look, put

from jetson_deploy.monitor.board_parts import Cooler, ThrottleEvents, Trip
from jetson_deploy.monitor.thermal import throttle_trip

CLASS = "sys/class/thermal"


def test_trips_name_the_cooling_devices_that_are_linked_to_them(tmp_path: Path) -> None:
    root = copied(ORIN, tmp_path)
    bindings = (("cdev0", 6, "2"), ("cdev1", 1, "0"), ("cdev2", 3, "0"), ("cdev3", 0, "-1"), ("cdev4", 99, "0"))
    for name, device, trip in bindings:
        (root / f"{THERMAL}/thermal_zone0/{name}").symlink_to(f"../cooling_device{device}")
        put(root, f"{THERMAL}/thermal_zone0/{name}_trip_point", trip + "\n")
    zone = look(root).zones[0]
    assert zone.trips == (
        Trip(kind="passive", celsius=99.0, bound=("cpufreq-cpu0", "devfreq-17000000.gpu")),
        Trip(kind="critical", celsius=104.5),
        Trip(kind="passive", celsius=70.0, bound=("hot-surface-alert",)),
    )
    assert throttle_trip(zone) == 99.0


def test_a_trip_that_is_switched_off_or_damaged_is_left_out(tmp_path: Path) -> None:
    zone = f"{CLASS}/thermal_zone0"
    put(tmp_path, f"{zone}/type", "cpu-thermal\n")
    put(tmp_path, f"{zone}/temp", "1000\n")
    for number, kind, temp in ((0, "passive", "-274000"), (1, "hot", "95000"), (2, "odd", "5"), (3, "critical", "?")):
        put(tmp_path, f"{zone}/trip_point_{number}_type", kind + "\n")
        put(tmp_path, f"{zone}/trip_point_{number}_temp", temp + "\n")
    assert look(tmp_path).zones[0].trips == (Trip(kind="hot", celsius=95.0),)


def test_zones_are_in_the_kernels_order_and_two_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for number, kind in ((10, "nvme"), (9, "nvme"), (2, "tj-thermal"), (3, "\x01")):
        put(tmp_path, f"{CLASS}/thermal_zone{number}/type", kind + "\n")
        put(tmp_path, f"{CLASS}/thermal_zone{number}/temp", f"{number}000\n")
    zones = [(zone.name, zone.celsius) for zone in look(tmp_path).zones]
    assert zones == [("tj-thermal", 2.0), ("nvme", 9.0), ("nvme-2", 10.0)]


def test_of_cooling_devices_of_one_kind_the_one_that_cools_most_counts(tmp_path: Path) -> None:
    for number, (kind, state) in enumerate((("Processor", "1"), ("Processor", "3"), ("pwm-fan", "-1"), ("x", ""))):
        put(tmp_path, f"{CLASS}/cooling_device{number}/type", kind + "\n")
        put(tmp_path, f"{CLASS}/cooling_device{number}/cur_state", state + "\n")
        put(tmp_path, f"{CLASS}/cooling_device{number}/max_state", "10\n")
    assert look(tmp_path).coolers == (Cooler(kind="Processor", state=3, max_state=10),)


def test_throttle_events_are_counted_by_domain_and_the_hot_surface_is_none(tmp_path: Path) -> None:
    platform = "sys/devices/platform"
    put(tmp_path, f"{platform}/cpu-throttle-alert/thermal_trip_event", "4\n")
    put(tmp_path, f"{platform}/bus@0/gpu-throttle-alert/thermal_trip_event", "0\n")
    put(tmp_path, f"{platform}/soc0-throttle-alert/thermal_trip_event", "many\n")
    put(tmp_path, f"{platform}/hot-surface-alert/thermal_trip_event", "9\n")
    assert look(tmp_path).throttle_events == (
        ThrottleEvents(domain="cpu-throttle-alert", count=4),
        ThrottleEvents(domain="gpu-throttle-alert", count=0),
    )
