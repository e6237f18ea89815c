"""Rails of each generation, the board's total, fans, and the power mode."""

from __future__ import annotations

from pathlib import Path

import pytest
from sysfs_trees import INA, NANO, ORIN, THOR, copied, look, put

from jetson_deploy.monitor.board_parts import Fan, Power, Rail
from jetson_deploy.monitor.sources.sysfs import SysfsSource
from jetson_deploy.monitor.sources.sysfs.rails import total_power

THOR_INA = "sys/devices/platform/bus@0/810c5d0000.i2c/i2c-2"
TOTALS = [
    ({"GPU": 4.0, "CPU": 2.0, "SOC": 1.5}, Power(watts=7.5, method="sum")),  # AGX Xavier
    ({"VDD_GPU_SOC": 4.0, "VDD_CPU_CV": -0.1}, Power(watts=3.9, method="sum")),
    ({"VDD_GPU_SOC": 4.0, "VDD_CPU_CV": None}, None),  # a part is no total
    ({"VDD_CPU_GPU_CV": 4.0, "VDD_IN": 9.0}, Power(watts=9.0, method="rail")),
    ({"VDD_CPU_GPU_CV": 4.0, "VDD_IN": None}, None),  # never the sum instead: it would look like a drop
    ({}, None),
]


@pytest.mark.parametrize(("watts", "expected"), TOTALS)
def test_the_boards_power_is_its_input_or_the_sum_of_all_rails(
    watts: dict[str, float | None], expected: Power | None
) -> None:
    assert total_power([Rail(name=name, watts=value) for name, value in watts.items()]) == expected


def test_thor_without_its_input_monitor_adds_its_rails(tmp_path: Path) -> None:
    root = copied(THOR, tmp_path)
    put(root, f"{THOR_INA}/2-0044/hwmon/hwmon2/name", "other\n")
    assert look(root).power == Power(watts=13.024, method="sum")


def test_l4t_32_gives_watts_of_its_own_and_no_limit_is_no_limit(tmp_path: Path) -> None:
    root = copied(NANO, tmp_path)
    iio = "sys/devices/50000000.host1x/546c0000.i2c/i2c-6/6-0040/iio:device0"
    put(root, f"{iio}/in_current0_input", "?")
    put(root, f"{iio}/crit_current_limit_1", "5000\n")
    put(root, f"{iio}/rail_name_2", "NC\n")
    rails = look(root).rails
    assert rails[0] == Rail(name="POM_5V_IN", watts=1.022, volts=5.048)
    assert [(rail.name, rail.crit_amperes) for rail in rails] == [("POM_5V_IN", None), ("POM_5V_GPU", 5.0)]


def test_channel_7_is_no_rail_whatever_it_is_called(tmp_path: Path) -> None:
    root = copied(ORIN, tmp_path)
    put(root, f"{INA}/in7_label", "VDD_EXTRA\n")
    put(root, f"{INA}/in3_label", "Sum of things\n")
    assert [rail.name for rail in look(root).rails] == ["VDD_IN", "VDD_CPU_GPU_CV"]


def fan(root: Path, name: str, number: int, **files: str) -> None:
    at = f"sys/devices/platform/{name}/hwmon/hwmon{number}"
    for file, text in {"name": name, **files}.items():
        put(root, f"{at}/{file}", text + "\n")
    link = root / f"sys/class/hwmon/hwmon{number}"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(f"../../devices/platform/{name}/hwmon/hwmon{number}")


def test_a_fan_takes_its_own_speed_before_a_tachometers(tmp_path: Path) -> None:
    fan(tmp_path, "a-fan", 3, pwm1="255", fan1_input="900")
    fan(tmp_path, "b-fan", 1, pwm1="0")
    fan(tmp_path, "tach", 2, rpm="0")
    fan(tmp_path, "tach2", 0, fan1_input="1200")
    assert look(tmp_path).fans == (
        Fan(name="a-fan", ratio=1.0, rpm=900.0),
        Fan(name="b-fan", ratio=0.0, rpm=0.0),
        Fan(name="tach2", rpm=1200.0),
    )


def test_the_old_fan_shows_the_duty_that_it_has_before_the_one_it_goes_to(tmp_path: Path) -> None:
    root = copied(NANO, tmp_path)
    put(root, "sys/devices/pwm-fan/target_pwm", "255\n")
    put(root, "sys/devices/pwm-fan/cur_pwm", "51\n")
    put(root, "sys/devices/pwm-fan/rpm_measured", "1500\n")
    assert look(root).fans == (Fan(name="pwm-fan", ratio=0.2, rpm=1500.0),)


def test_a_changed_power_mode_is_seen_in_the_next_look(tmp_path: Path) -> None:
    root = copied(ORIN, tmp_path)
    source = SysfsSource(root, None)
    assert source.read().power_mode.at_ceiling is True
    put(root, "var/lib/nvpmodel/status", "pmode:0000\n")
    mode = source.read().power_mode
    assert (mode.id, mode.name, mode.ceiling, mode.at_ceiling) == (0, "15W", "MAXN_SUPER", False)
    put(root, "var/lib/nvpmodel/status", "pmode:0009\n")
    mode = source.read().power_mode
    assert (mode.id, mode.name, mode.at_ceiling) == (9, None, None)
