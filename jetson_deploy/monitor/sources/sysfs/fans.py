"""Fans: duty from the PWM's hwmon, speed from the tachometer's, or both from L4T 32's pwm-fan."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from jetson_deploy.monitor.board_parts import Fan
from jetson_deploy.monitor.sources.sysfs.files import Files
from jetson_deploy.monitor.sources.sysfs.hwmon import Hwmon
from jetson_deploy.monitor.sources.sysfs.tree import Tree, distinct

_L4T_32 = "sys/devices/pwm-fan"
_SPEEDS = ("rpm", "fan1_input", "rpm_measured")
_FULL_DUTY = 255
_RPM = 100_000


class FanFiles(msgspec.Struct, frozen=True):
    name: str
    duty: str | None = None
    rpm: str | None = None


def find_fans(tree: Tree, hwmons: Sequence[Hwmon]) -> tuple[FanFiles, ...]:
    """Fans without a speed of their own take the tachometers in order: nothing else connects the two."""
    seen = [FanFiles(h.name, h.directory.file("pwm1"), h.directory.file(*_SPEEDS)) for h in hwmons]
    old = tree.directory(_L4T_32)
    if old is not None:
        seen.append(FanFiles("pwm-fan", old.file("cur_pwm", "target_pwm"), old.file("rpm_measured")))
    fans = [one for one in seen if one.duty]
    meters = [one for one in seen if not one.duty and one.rpm]
    found = [_with_speed(fan, meters) for fan in fans] + meters
    names = distinct(fan.name for fan in found)
    return tuple(msgspec.structs.replace(fan, name=name) for fan, name in zip(found, names, strict=True))


def read_fans(found: Sequence[FanFiles], files: Files) -> tuple[Fan, ...]:
    return tuple(
        Fan(
            name=one.name,
            ratio=files.scaled(one.duty, 0, _FULL_DUTY, _FULL_DUTY),
            rpm=files.scaled(one.rpm, 0, _RPM, 1),
        )
        for one in found
    )


def _with_speed(fan: FanFiles, meters: list[FanFiles]) -> FanFiles:
    """Takes the first of the meters where the fan has none."""
    return fan if fan.rpm or not meters else msgspec.structs.replace(fan, rpm=meters.pop(0).rpm)
