"""Which board it is, for the head of every sample."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sysfs_damage import damaged, damages, files_of
from sysfs_trees import BOARDS, NANO, ORIN, ORIN_15W, THOR, copied, put

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.catalog.load import load_catalog
from jetson_deploy.monitor.sample import Identity
from jetson_deploy.monitor.sources.identity import identity

SUPER_MODEL = "NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super"
CAPTURED = [
    # tree, board, model, SoC, L4T, JetPack
    (ORIN, "orin-nano-8gb", SUPER_MODEL, "tegra234", "36.5.0", "6.2.2"),
    (ORIN_15W, "orin-nano-8gb", "NVIDIA Jetson Orin Nano Developer Kit", "tegra234", "39.2.0", "7.2"),
    (THOR, "thor-t5000", "NVIDIA Jetson AGX Thor Developer Kit", "tegra264", "38.4.0", "7.1"),
    (NANO, "nano-4gb", "NVIDIA Jetson Nano Developer Kit", "tegra210", "32.7.4", "4.6.4"),
]


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


@pytest.mark.parametrize(("name", "board", "model", "soc", "l4t", "jetpack"), CAPTURED)
def test_a_captured_board_is_known_and_this_machines_kernel_is_not_taken_for_its_own(
    name: str, board: str, model: str, soc: str, l4t: str, jetpack: str, catalog: Catalog
) -> None:
    expected = Identity(board=board, model=model, soc=soc, l4t=l4t, jetpack=jetpack)
    assert identity(BOARDS / name, catalog) == expected


def test_a_capture_that_holds_kernel_and_name_is_believed(tmp_path: Path, catalog: Catalog) -> None:
    put(tmp_path, "recorded/uname.json", '{"release": "5.15.185-tegra", "machine": "aarch64"}')
    put(tmp_path, "etc/hostname", "kitchen\n")
    seen = identity(tmp_path, catalog)
    assert (seen.kernel, seen.hostname) == ("5.15.185-tegra", "kitchen")
    put(tmp_path, "recorded/uname.json", "{")
    put(tmp_path, "proc/sys/kernel/osrelease", "6.8.12-tegra\n")
    put(tmp_path, "proc/sys/kernel/hostname", "hall\n")
    seen = identity(tmp_path, catalog)
    assert (seen.kernel, seen.hostname) == ("6.8.12-tegra", "hall")


@pytest.mark.parametrize("text", ["a" * 65, "two\nlines\n", "\x1b[31mred\n", ""])
def test_a_name_that_is_none_is_left_out(text: str, tmp_path: Path, catalog: Catalog) -> None:
    put(tmp_path, "etc/hostname", text)
    assert identity(tmp_path, catalog) == Identity()


def test_this_machine_tells_its_kernel_and_name(catalog: Catalog) -> None:
    seen = identity(Path("/"), catalog)
    assert (seen.kernel, seen.hostname) == (os.uname().release, os.uname().nodename)


def test_where_nothing_is_nothing_is_known(tmp_path: Path, catalog: Catalog) -> None:
    assert identity(tmp_path / "absent", catalog) == Identity()


@pytest.fixture(scope="module")
def orin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied(ORIN, tmp_path_factory.mktemp("identity"))


@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_no_damage_makes_it_fail(data: st.DataObject, orin: Path, catalog: Catalog) -> None:
    told = [path for path in files_of(orin) if path.startswith(("etc", "proc", "sys/firmware"))]
    paths = data.draw(st.lists(st.sampled_from(told), min_size=1, max_size=4, unique=True))
    with damaged(orin, [(path, data.draw(damages)) for path in paths]):
        assert isinstance(identity(orin, catalog), Identity)
