"""The disk of a virtual board that forgets what was not flushed; tests/boards has it under qemu's client."""

from __future__ import annotations

from pathlib import Path

import pytest

from jetson_deploy.rehearsal.virtual.forgetful_disk import PAGE, Disk

SIZE = 4 * PAGE


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "disk"
    found.write_bytes(b"o" * SIZE)
    return found


@pytest.mark.parametrize(("at", "length"), [(0, 1), (1, PAGE), (PAGE - 1, 2), (PAGE, PAGE), (100, 3 * PAGE)])
def test_what_is_written_is_read_and_stored_when_it_is_flushed(file: Path, at: int, length: int) -> None:
    disk, expected = Disk(str(file)), bytearray(b"o" * SIZE)
    expected[at : at + length] = b"n" * length
    disk.write(at, b"n" * length)
    assert disk.read(0, SIZE) == expected
    assert disk.read(at, length) == b"n" * length
    assert file.read_bytes() == b"o" * SIZE
    disk.flush()
    assert file.read_bytes() == expected
