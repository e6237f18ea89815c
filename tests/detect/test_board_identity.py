"""Which board: part number first, boot control, then the model text; RAM only tells variants apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from jetson_deploy.catalog.load import load_catalog
from jetson_deploy.detect.board import identify
from jetson_deploy.detect.devicetree import read_firmware
from jetson_deploy.detect.host import Host
from jetson_deploy.facts import BoardFacts

CATALOG = load_catalog()
GIB = 1 << 30


def board(
    root: Path,
    *compatible: str,
    model: str = "",
    spec: str = "",
    gib: float | None = None,
    base: str = "proc/device-tree",
) -> BoardFacts:
    (root / base).mkdir(parents=True)
    if compatible:
        (root / base / "compatible").write_text("\0".join(compatible) + "\0")
    if model:
        (root / base / "model").write_text(model + "\0")
    if spec:
        (root / "etc").mkdir()
        (root / "etc/nv_boot_control.conf").write_text(f"TNSPEC {spec}\nTEGRA_CHIPID 0x23\n")
    return identify(read_firmware(Host(root)), None if gib is None else int(gib * GIB), CATALOG)


def every_listed_name() -> list[tuple[str, str, str]]:
    return [(b.id, b.soc, c) for b in CATALOG.boards.values() for c in b.compatible if "+" in c]


@pytest.mark.parametrize(("board_id", "soc", "name"), every_listed_name())
@pytest.mark.parametrize("suffix", ["", "-super"])
def test_every_listed_module_name_is_its_board(tmp_path: Path, board_id: str, soc: str, name: str, suffix: str) -> None:
    found = board(tmp_path, name + suffix, f"nvidia,{soc}", gib=CATALOG.boards[board_id].ram_gb * 0.95)
    assert (found.id, found.assumed, found.super_mode) == (board_id, False, suffix != "")


def test_the_device_tree_in_sysfs_goes_before_the_one_in_proc(tmp_path: Path) -> None:
    board(tmp_path, "nvidia,p3768-0000+p3767-0000", "nvidia,tegra234")
    found = board(tmp_path, "nvidia,p3768-0000+p3767-0004", "nvidia,tegra234", base="sys/firmware/devicetree/base")
    assert found.id == "orin-nano-4gb"


def test_little_memory_does_not_turn_a_named_8gb_module_into_a_4gb_one(tmp_path: Path) -> None:
    found = board(tmp_path, "nvidia,p3768-0000+p3767-0005", "nvidia,tegra234", gib=6.3)
    assert (found.id, found.assumed) == ("orin-nano-8gb", False)


@pytest.mark.parametrize(("gib", "expected"), [(29.98, "agx-orin-32gb"), (61.4, "agx-orin-64gb")])
def test_memory_decides_between_boards_of_one_part_number(tmp_path: Path, gib: float, expected: str) -> None:
    found = board(tmp_path, "nvidia,p3737-0000+p3701-0000", "nvidia,tegra234", gib=gib)
    assert (found.id, found.assumed, found.part_number) == (expected, False, "p3701-0000")


def test_without_memory_the_smallest_of_one_part_number_is_assumed(tmp_path: Path) -> None:
    found = board(tmp_path, "nvidia,p3737-0000+p3701-0000", "nvidia,tegra234")
    assert (found.id, found.assumed) == ("agx-orin-32gb", True)
    assert "MemTotal is not known" in (found.assumed_why or "")


def test_boot_control_names_the_module_that_a_system_name_does_not(tmp_path: Path) -> None:
    found = board(
        tmp_path, "nvidia,p2972-0000", "nvidia,tegra194", spec="2888-400-0005-L.0-1-2-jetson-agx-xavier-", gib=27
    )
    assert (found.id, found.part_number) == ("agx-xavier-64gb", "p2888-0005")


def test_boot_control_alone_names_the_board(tmp_path: Path) -> None:
    found = board(tmp_path, spec="3767-300-0005-S.1-1-1-jetson-orin-nano-devkit-super-")
    assert (found.id, found.assumed, found.super_mode, found.soc) == ("orin-nano-8gb", False, True, "tegra234")


def test_a_thor_variant_is_told_by_its_name_in_boot_control(tmp_path: Path) -> None:
    found = board(tmp_path, "nvidia,tegra264", spec="3834-000-9999-A.0-1-0-jetson-agx-thor-t4000-")
    assert found.id == "thor-t4000"


@pytest.mark.parametrize(
    ("part", "model", "gib", "expected"),
    [
        ("p3767-0009", "NVIDIA Jetson Orin Nano Developer Kit", 7.4, "orin-nano-8gb"),
        ("p3767-0009", "NVIDIA Jetson Orin Nano Developer Kit", 3.4, "orin-nano-4gb"),
        ("p3767-0009", "Some carrier", 7.4, "orin-nano-8gb"),
        ("p3767-0009", "Some carrier", None, "orin-nano-4gb"),
        ("p3701-0044", "", 125.0, "agx-orin-64gb"),
        ("p3999-0000", "", 15.3, "orin-nx-16gb"),
    ],
)
def test_an_unlisted_module_is_the_nearest_lower_board(
    tmp_path: Path, part: str, model: str, gib: float | None, expected: str
) -> None:
    found = board(tmp_path, f"nvidia,p3768-0000+{part}", "nvidia,tegra234", model=model, gib=gib)
    assert (found.id, found.assumed, found.part_number) == (expected, True, part)
    assert f"module {part} is not listed" in (found.assumed_why or "")


def test_a_listed_part_number_of_another_soc_is_not_believed(tmp_path: Path) -> None:
    found = board(tmp_path, "nvidia,p3768-0000+p3767-0005", "nvidia,tegra264", gib=120)
    assert found.soc == "tegra264"
    assert found.assumed
    assert CATALOG.boards[found.id or ""].soc == "tegra264"


def test_an_unknown_soc_gets_no_board(tmp_path: Path) -> None:
    found = board(tmp_path, "nvidia,p5000-0000+p5001-0000", "nvidia,tegra299", model="NVIDIA Jetson Orin Nano", gib=64)
    assert (found.id, found.soc, found.assumed) == (None, "tegra299", False)


def test_a_model_text_alone_gives_the_family_and_is_assumed(tmp_path: Path) -> None:
    found = board(tmp_path, model="NVIDIA Jetson Orin NX Engineering Reference Developer Kit Super", gib=15.3)
    assert (found.id, found.assumed, found.super_mode) == ("orin-nx-16gb", True, True)


@pytest.mark.parametrize("model", ["Raspberry Pi 5 Model B", "FriendlyElec NanoPi M4", "Orin"])
def test_another_makers_board_gets_no_board(tmp_path: Path, model: str) -> None:
    assert board(tmp_path, "friendlyelec,nanopi-m4", "rockchip,rk3399", model=model, gib=7.5).id is None


def test_nothing_readable_is_no_board(tmp_path: Path) -> None:
    assert board(tmp_path, gib=7.4) == BoardFacts()
