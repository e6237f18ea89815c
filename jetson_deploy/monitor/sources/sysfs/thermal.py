"""Thermal zones with their trips, cooling devices, and the counters of BPMP's throttle alerts."""

from __future__ import annotations

import re

import msgspec

from jetson_deploy.monitor.board_parts import Cooler, ThrottleEvents, Trip, Zone
from jetson_deploy.monitor.sources.sysfs.files import COUNT, Files
from jetson_deploy.monitor.sources.sysfs.tree import Directory, Tree, distinct

_THERMAL = "sys/class/thermal"
_ZONE, _COOLER = re.compile(r"thermal_zone[0-9]{1,4}"), re.compile(r"cooling_device[0-9]{1,4}")
_TRIP = re.compile(r"trip_point_([0-9]{1,3})_type")
_BINDING = re.compile(r"cdev([0-9]{1,3})_trip_point")
_TRIP_KINDS = ("passive", "active", "hot", "critical")
_ALERT = re.compile(r"[\w-]{1,40}-throttle-alert")
_ALERT_PARENTS = ("sys/devices/platform", "sys/devices/platform/bus@0", "sys/devices")
COLDEST, HOTTEST = -40_000, 150_000
"""m°C. Beyond them no silicon works: -256 °C is a zone that is off."""
_PMIC_CONSTANTS = (50.0, 100.0)
"""What zones named PMIC… of boards up to Xavier say at all times: no measurement."""
_STATES = 1_000_000


class ZoneFiles(msgspec.Struct, frozen=True):
    name: str
    temperature: str | None
    trips: tuple[Trip, ...]


class CoolerFiles(msgspec.Struct, frozen=True):
    kind: str
    state: str
    max_state: int | None


def find_zones(tree: Tree) -> tuple[ZoneFiles, ...]:
    found = [(tree.word(d.file("type")), d) for d in tree.directories(_THERMAL, _ZONE)]
    named = [(name, directory) for name, directory in found if name]
    names = distinct(name for name, _ in named)
    return tuple(
        ZoneFiles(name, directory.file("temp"), _trips(tree, directory))
        for name, (_, directory) in zip(names, named, strict=True)
    )


def find_coolers(tree: Tree) -> tuple[CoolerFiles, ...]:
    found = []
    for directory in tree.directories(_THERMAL, _COOLER):
        kind, state = tree.word(directory.file("type")), directory.file("cur_state")
        if kind and state:
            found.append(CoolerFiles(kind, state, tree.files.number(directory.file("max_state"), 0, _STATES)))
    return tuple(found)


def find_throttle_events(tree: Tree) -> tuple[tuple[str, str], ...]:
    """Domain and counter."""
    found: dict[str, str] = {}
    for parent in _ALERT_PARENTS:
        for name in tree.names(parent, _ALERT):
            directory = tree.directory(f"{parent}/{name}")
            counter = directory.file("thermal_trip_event") if directory else None
            if counter:
                found.setdefault(name, counter)
    return tuple(found.items())


def read_zones(found: tuple[ZoneFiles, ...], files: Files) -> tuple[Zone, ...]:
    return tuple(Zone(name=one.name, celsius=_celsius(one, files), trips=one.trips) for one in found)


def read_coolers(found: tuple[CoolerFiles, ...], files: Files) -> tuple[Cooler, ...]:
    """Of several of one kind the one that cools most."""
    most: dict[str, Cooler] = {}
    for one in found:
        state = files.number(one.state, 0, _STATES)
        if state is not None and (one.kind not in most or state > most[one.kind].state):
            most[one.kind] = Cooler(kind=one.kind, state=state, max_state=one.max_state)
    return tuple(most.values())


def read_throttle_events(found: tuple[tuple[str, str], ...], files: Files) -> tuple[ThrottleEvents, ...]:
    counts = ((domain, files.number(path, 0, COUNT)) for domain, path in found)
    return tuple(ThrottleEvents(domain=domain, count=count) for domain, count in counts if count is not None)


def _celsius(one: ZoneFiles, files: Files) -> float | None:
    celsius = files.scaled(one.temperature, COLDEST, HOTTEST, 1000)
    return None if one.name.startswith("PMIC") and celsius in _PMIC_CONSTANTS else celsius


def _trips(tree: Tree, zone: Directory) -> tuple[Trip, ...]:
    numbers = sorted(int(match[1]) for name in zone.names if (match := _TRIP.fullmatch(name)))
    bound = _bound(tree, zone)
    found = []
    for number in numbers:
        kind = tree.word(zone.file(f"trip_point_{number}_type"))
        celsius = tree.files.scaled(zone.file(f"trip_point_{number}_temp"), COLDEST, HOTTEST, 1000)
        if kind in _TRIP_KINDS and celsius is not None:
            found.append(Trip(kind=kind, celsius=celsius, bound=tuple(sorted(bound.get(number, ())))))
    return tuple(found)


def _bound(tree: Tree, zone: Directory) -> dict[int, set[str]]:
    """Trip number → types of the cooling devices that `cdevN` links to it."""
    found: dict[int, set[str]] = {}
    for name in zone.names:
        match = _BINDING.fullmatch(name)
        trip = tree.files.number(zone.file(name), 0, 999) if match else None
        if match is None or trip is None:
            continue
        device = tree.directory(f"{tree.relative(zone.path)}/cdev{match[1]}")
        kind = tree.word(device.file("type")) if device else None
        if kind:
            found.setdefault(trip, set()).add(kind)
    return found
