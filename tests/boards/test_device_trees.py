"""What `detect` says of each board of the catalog, where a kernel has read its device tree and counted its memory."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from bare_kernel import booted_root

from jetson_deploy.catalog.load import load_catalog
from jetson_deploy.events import silent
from jetson_deploy.rehearsal.virtual.base import base_image
from jetson_deploy.rehearsal.virtual.device_strings import DeviceStrings, rows
from jetson_deploy.rehearsal.virtual.mem_total import machine_mib
from jetson_deploy.rehearsal.virtual.wanted import Wanted

pytest_plugins = ("board_figures",)
pytestmark = [pytest.mark.boards, pytest.mark.timeout(1800)]
NEAR_MIB, NEAR_SHARE = 4, 0.001
"""How near MemTotal must be to the board's own: the machine's memory is chosen for it beforehand."""


def named(row: DeviceStrings) -> str:
    return f"{row.board}-{row.compatible[0]}"


def machine_for(row: DeviceStrings) -> Wanted:
    return Wanted(
        name="tree",
        base=str(base_image(silent)),
        model=row.model,
        compatible=row.compatible,
        memory_mib=machine_mib(row.mem_total_mib << 10),
        port=0,
    )


@pytest.mark.parametrize("row", rows(), ids=named)
def test_a_board_is_what_its_kernel_reads_in_its_device_tree(
    row: DeviceStrings, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    for figure in ("V7", "V11") if row.second else ("V7",):
        record_property("figure", figure)
    root = booted_root(machine_for(row), tmp_path / "machine")
    argv = [sys.executable, "-m", "jetson_deploy", "detect", "--json", "--root", str(root)]
    found = json.loads(subprocess.run(argv, capture_output=True, text=True, check=True).stdout)
    board, total = found["board"], found["memory"]["total_bytes"] >> 20
    print(f"{named(row)}: {board['id']}, {board['model']!r}, MemTotal {total} MiB of {row.mem_total_mib}", flush=True)
    assert (board["id"], board["name"]) == (row.board, load_catalog(()).boards[row.board].name)
    assert (board["assumed"], board["model"] or "") == (False, row.model)
    assert abs(total - row.mem_total_mib) <= NEAR_MIB + NEAR_SHARE * row.mem_total_mib
