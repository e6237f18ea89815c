"""The strings of each board's device tree, against profiles/ and against where else they were read."""

from __future__ import annotations

from pathlib import Path

import pytest

from jetson_deploy.catalog.load import load_catalog
from jetson_deploy.detect.board import identify
from jetson_deploy.detect.devicetree import read_firmware
from jetson_deploy.detect.host import Host
from jetson_deploy.errors import UsageError
from jetson_deploy.rehearsal.virtual.device_strings import DeviceStrings, device_strings, rows

WITHOUT = {
    "agx-xavier-8gb",
    "agx-xavier-industrial",
    "clara-agx",
    "orin-nano-4gb",
    "orin-nx-8gb",
    "tx2-4gb",
    "tx2i",
    "xavier-nx-16gb",
}
"""Boards of which no string was read anywhere but where profiles/ has them from."""


def named(row: DeviceStrings) -> str:
    return f"{row.board}-{row.compatible[0]}"


@pytest.mark.parametrize("row", rows(), ids=named)
def test_a_tree_with_these_strings_is_that_board(row: DeviceStrings, tmp_path: Path) -> None:
    base = tmp_path / "sys/firmware/devicetree/base"
    base.mkdir(parents=True)
    (base / "model").write_bytes(row.model.encode() + b"\0")
    (base / "compatible").write_bytes(b"".join(one.encode() + b"\0" for one in row.compatible))
    found = identify(read_firmware(Host(tmp_path)), row.mem_total_mib << 20, load_catalog(()))
    assert (found.id, found.assumed) == (row.board, False)


def test_every_board_of_the_catalog_has_a_tree() -> None:
    assert {row.board for row in rows()} == set(load_catalog(()).boards)


def test_boards_without_a_second_source_are_named() -> None:
    assert {row.board for row in rows()} - {row.board for row in rows() if row.second} == WITHOUT


@pytest.mark.parametrize("row", rows(), ids=named)
def test_memory_is_what_the_profile_has_seen(row: DeviceStrings) -> None:
    board = load_catalog(()).boards[row.board]
    if board.mem_total_mib:
        assert row.mem_total_mib in board.mem_total_mib
    else:
        assert 0.85 * board.ram_gb * 1024 < row.mem_total_mib < board.ram_gb * 1024


def test_an_unknown_board_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError) as raised:
        device_strings("orin-nano-8")
    assert "did you mean orin-nano-8gb?" in raised.value.hint
