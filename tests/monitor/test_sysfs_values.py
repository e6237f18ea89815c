"""Texts of single files, and what each must become: the value, or None, and never anything else."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sysfs_damage import damaged
from sysfs_trees import GPU, INA, ORIN, THERMAL, copied, look, put

from jetson_deploy.monitor.sample import Board
from jetson_deploy.monitor.sources.sysfs.files import WHOLE_BYTES, Files, parse_number

Reader = Callable[[Board], Any]
SOCTHERM = "sys/devices/platform/soctherm-oc-event/hwmon/hwmon3"
TEMP: Reader = lambda b: b.zones[0].celsius  # noqa: E731
CASES: list[tuple[str, str, Reader, Any]] = [
    (f"{THERMAL}/thermal_zone0/temp", "61250\n", TEMP, 61.25),
    (f"{THERMAL}/thermal_zone0/temp", "-40000\n", TEMP, -40.0),
    (f"{THERMAL}/thermal_zone0/temp", "-256000\n", TEMP, None),
    (f"{THERMAL}/thermal_zone0/temp", "150001\n", TEMP, None),
    (f"{THERMAL}/thermal_zone0/temp", "", TEMP, None),
    (f"{THERMAL}/thermal_zone0/temp", "50531 50000\n", TEMP, None),
    (f"{THERMAL}/thermal_zone0/temp", "5_0000\n", TEMP, None),
    (f"{THERMAL}/thermal_zone0/temp", "+50000\n", TEMP, None),
    (f"{THERMAL}/thermal_zone0/temp", "٥٠٠٠٠\n", TEMP, None),
    (f"{THERMAL}/thermal_zone0/type", "PMIC-Die\n", TEMP, 50.531),
    (f"{GPU}/load", "1000\n", lambda b: b.gpus[0].load, 1.0),
    (f"{GPU}/load", "1001\n", lambda b: b.gpus[0].load, None),
    (f"{GPU}/load", "-1\n", lambda b: b.gpus[0].load, None),
    (f"{GPU}/devfreq/17000000.gpu/cur_freq", "-1\n", lambda b: b.gpus[0].hertz, None),
    (f"{GPU}/devfreq/17000000.gpu/governor", "two\nlines\n", lambda b: b.gpus[0].governor, None),
    (f"{INA}/in1_input", "-5\n", lambda b: (b.rails[0].volts, b.rails[0].watts, b.power), (None, None, None)),
    (f"{INA}/curr2_input", "-78\n", lambda b: (b.rails[1].amperes, b.rails[1].watts), (-0.078, -0.391248)),
    (f"{INA}/curr1_crit", "0\n", lambda b: b.rails[0].crit_amperes, None),
    (f"{INA}/curr1_crit_alarm", "1\n", lambda b: b.rails[0].alarm, True),
    (f"{INA}/curr1_crit_alarm", "2\n", lambda b: b.rails[0].alarm, None),
    (f"{INA}/in2_label", "NC\n", lambda b: [r.name for r in b.rails], ["VDD_IN", "VDD_SOC"]),
    (f"{INA}/in2_label", "VDD_NCORE\n", lambda b: b.rails[1].name, "VDD_NCORE"),
    (f"{INA}/in2_label", "VDD_IN\n", lambda b: b.rails[1].name, "VDD_IN-2"),
    ("sys/devices/platform/pwm-fan/hwmon/hwmon0/pwm1", "256\n", lambda b: b.fans[0].ratio, None),
    ("sys/devices/platform/pwm-fan/hwmon/hwmon0/pwm1", "51\n", lambda b: b.fans[0].ratio, 0.2),
    (f"{SOCTHERM}/oc1_throt_en", "x", lambda b: b.over_currents[0].throttling, None),
    ("proc/uptime", "12.50 3.00\n", lambda b: b.uptime_seconds, 12.5),
    ("proc/uptime", "nan nan\n", lambda b: b.uptime_seconds, None),
    ("proc/uptime", "-1.00 3.00\n", lambda b: b.uptime_seconds, None),
]  # fmt: skip


@pytest.mark.parametrize(("path", "text", "reader", "expected"), CASES, ids=[f"{c[0][-24:]}={c[1]!r}" for c in CASES])
def test_a_file_becomes_its_value_or_nothing(path: str, text: str, reader: Reader, expected: Any, orin: Path) -> None:
    with damaged(orin, [(path, ("text", text.encode()))]):
        assert reader(look(orin)) == expected


@pytest.fixture(scope="module")
def orin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied(ORIN, tmp_path_factory.mktemp("values"))


def test_a_pmic_that_always_says_100_degrees_measures_nothing(tmp_path: Path) -> None:
    put(tmp_path, "sys/class/thermal/thermal_zone0/type", "PMIC-Die\n")
    put(tmp_path, "sys/class/thermal/thermal_zone0/temp", "100000\n")
    assert look(tmp_path).zones[0].celsius is None
    put(tmp_path, "sys/class/thermal/thermal_zone0/temp", "61000\n")
    assert look(tmp_path).zones[0].celsius == 61.0


def test_a_read_that_would_wait_gives_nothing_and_does_not_wait(tmp_path: Path) -> None:
    """An empty FIFO with a writer gives EAGAIN, as a zone without power does."""
    os.mkfifo(tmp_path / "temp")
    files = Files()
    assert files.number(str(tmp_path / "temp"), 0, 9) is None
    writer = os.open(tmp_path / "temp", os.O_RDWR | os.O_NONBLOCK)
    try:
        assert files.number(str(tmp_path / "temp"), 0, 9) is None
        assert files.whole(str(tmp_path / "temp")) is None
    finally:
        os.close(writer)
    assert not files.vanished


def test_a_directory_a_link_and_a_file_that_is_gone_give_nothing(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("5")
    (tmp_path / "link").symlink_to("target")
    files = Files()
    for name in ("", "link"):
        assert (files.start(str(tmp_path / name)), files.whole(str(tmp_path / name))) == (None, None)
    assert not files.vanished
    assert files.start(str(tmp_path / "gone")) is None
    assert files.vanished


def test_no_more_than_a_bound_is_read_of_any_file(tmp_path: Path) -> None:
    big = tmp_path / "big"
    big.write_bytes(b"1" * 10_000_000)
    files = Files()
    assert files.start(str(big)) == b"1" * 64
    assert files.number(str(big), 0, 1 << 63) is None
    assert files.word(str(big)) is None
    assert files.whole(str(big)) is None
    big.write_bytes(b"1" * WHOLE_BYTES)
    assert files.whole(str(big)) == b"1" * WHOLE_BYTES


@pytest.mark.parametrize("text", [b"", b"-", b"--1", b"1.5", b"0x1", b"1e3", b"\xff", b"1\x00", b"9" * 20])
def test_what_is_no_decimal_number_is_none(text: bytes) -> None:
    assert parse_number(text) is None
