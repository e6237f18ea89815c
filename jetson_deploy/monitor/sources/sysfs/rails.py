"""Power rails: INA3221 and INA238 by hwmon, INA3221 by iio on L4T 32; and what the board takes in all."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import msgspec

from jetson_deploy.monitor.board_parts import Power, Rail
from jetson_deploy.monitor.sources.sysfs.files import Files
from jetson_deploy.monitor.sources.sysfs.hwmon import Hwmon
from jetson_deploy.monitor.sources.sysfs.tree import Directory, Tree, distinct

_I2C = "sys/bus/i2c/devices"
_I2C_DEVICE, _IIO = re.compile(r"[0-9]{1,3}-00[0-9a-f]{2}"), re.compile(r"iio:device[0-9]{1,3}")
_LABEL, _IIO_LABEL = re.compile(r"in([1-6])_label"), re.compile(r"rail_name_([0-9])")
_NO_RAIL = re.compile(r"(?<![A-Za-z])NC(?![A-Za-z])|\bsum\b", re.IGNORECASE)
"""Not connected, and the INA3221's channel 7, `sum of shunt voltages`."""
_TOTALS = ("VIN", "VDD_IN", "POM_5V_IN")
"""Thor; Orin Nano/NX, Xavier NX and TX2; Nano. The AGX Xavier and AGX Orin have none."""
_INA238 = "VIN"
"""It has no label: on Thor it measures the board's input."""
_MILLI, _MICRO = 1000, 1_000_000
_MILLIVOLTS, _MILLIAMPERES = 100_000, 1_000_000
_MICROWATTS = 10_000 * _MICRO


class RailFiles(msgspec.Struct, frozen=True):
    name: str
    volts: str | None
    """mV."""
    amperes: str | None
    """mA."""
    watts: str | None = None
    """None: volts times amperes."""
    watt_parts: int = _MICRO
    crit: str | None = None
    alarm: str | None = None


def find_rails(tree: Tree, hwmons: Sequence[Hwmon]) -> tuple[RailFiles, ...]:
    found = [rail for one in hwmons for rail in _of_hwmon(tree, one)]
    found += [rail for directory in _iio_devices(tree) for rail in _of_iio(tree, directory)]
    names = distinct(rail.name for rail in found)
    return tuple(msgspec.structs.replace(rail, name=name) for rail, name in zip(found, names, strict=True))


def read_rails(found: Sequence[RailFiles], files: Files) -> tuple[Rail, ...]:
    return tuple(_rail(one, files) for one in found)


def total_power(rails: Sequence[Rail]) -> Power | None:
    """The input's own rail, else the sum. None too when one of them cannot be read: a part is no total."""
    if not rails:
        return None
    total = next((rail for name in _TOTALS for rail in rails if rail.name == name), None)
    if total is not None:
        return None if total.watts is None else Power(watts=total.watts, method="rail")
    watts = [rail.watts for rail in rails if rail.watts is not None]
    return Power(watts=round(sum(watts), 6), method="sum") if len(watts) == len(rails) else None


def _rail(one: RailFiles, files: Files) -> Rail:
    millivolts = files.number(one.volts, 0, _MILLIVOLTS)
    milliamperes = files.number(one.amperes, -_MILLIAMPERES, _MILLIAMPERES)
    if one.watts is not None:
        watts = files.scaled(one.watts, -_MICROWATTS, _MICROWATTS, one.watt_parts)
    else:
        watts = None if millivolts is None or milliamperes is None else millivolts * milliamperes / _MICRO
    return Rail(
        name=one.name,
        watts=watts,
        volts=None if millivolts is None else millivolts / _MILLI,
        amperes=None if milliamperes is None else milliamperes / _MILLI,
        crit_amperes=files.scaled(one.crit, 1, _MILLIAMPERES, _MILLI),
        alarm=files.flag(one.alarm),
    )


def _of_hwmon(tree: Tree, one: Hwmon) -> Iterator[RailFiles]:
    directory = one.directory
    if one.name == "ina238":
        yield RailFiles(
            _INA238,
            directory.file("in1_input"),
            directory.file("curr1_input"),
            directory.file("power1_input"),
            crit=directory.file("curr1_crit"),
            alarm=directory.file("curr1_crit_alarm"),
        )
    if one.name != "ina3221":
        return
    for number, label in _labels(tree, directory, _LABEL):
        yield RailFiles(
            label,
            directory.file(f"in{number}_input"),
            directory.file(f"curr{number}_input"),
            crit=directory.file(f"curr{number}_crit"),
            alarm=directory.file(f"curr{number}_crit_alarm"),
        )


def _iio_devices(tree: Tree) -> Iterator[Directory]:
    for device in tree.names(_I2C, _I2C_DEVICE):
        for name in tree.names(f"{_I2C}/{device}", _IIO):
            directory = tree.directory(f"{_I2C}/{device}/{name}")
            if directory is not None:
                yield directory


def _of_iio(tree: Tree, directory: Directory) -> Iterator[RailFiles]:
    for number, label in _labels(tree, directory, _IIO_LABEL):
        yield RailFiles(
            label,
            directory.file(f"in_voltage{number}_input"),
            directory.file(f"in_current{number}_input"),
            directory.file(f"in_power{number}_input"),
            _MILLI,
            directory.file(f"crit_current_limit_{number}"),
        )


def _labels(tree: Tree, directory: Directory, pattern: re.Pattern[str]) -> Iterator[tuple[str, str]]:
    """Channel and label of the channels that measure a rail."""
    for name in sorted(directory.names):
        match = pattern.fullmatch(name)
        label = tree.word(directory.file(name)) if match else None
        if match and label and not _NO_RAIL.search(label):
            yield match[1], label
