"""Many files hashed side by side."""

from __future__ import annotations

import hashlib
import os
import random
import threading
from pathlib import Path

import pytest

from jetson_deploy.errors import InterruptedRunError
from jetson_deploy.store.hashing import READ_BYTES, hash_file, hash_in_parallel


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_files_hashed_side_by_side_have_the_hashes_of_files_hashed_alone(workers: int, tmp_path: Path) -> None:
    sizes = [0, 1, READ_BYTES - 1, READ_BYTES, READ_BYTES + 1, 3 * READ_BYTES + 7, 100, 2 * READ_BYTES]
    files = [(tmp_path / str(number), size) for number, size in enumerate(sizes)]
    for path, size in files:
        path.write_bytes(random.Random(size).randbytes(size))
    read: list[int] = []
    found = hash_in_parallel(files, read.append, threading.Event(), workers=workers)
    assert {path: hashed.sha256 for path, hashed in found.items()} == {
        path: hashlib.sha256(path.read_bytes()).hexdigest() for path, _ in files
    }
    assert sum(read) == sum(sizes)


def test_hashing_ends_soon_after_it_is_told_to(tmp_path: Path) -> None:
    stop = threading.Event()
    with (tmp_path / "large").open("wb") as file:
        file.truncate(1 << 40)  # half an hour of zeros
    with pytest.raises(InterruptedRunError):
        hash_in_parallel([(tmp_path / "large", 1 << 40)], lambda read: stop.set(), stop)


def test_a_file_that_somebody_writes_to_while_it_is_read_is_told_as_such(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(2 * READ_BYTES))
    assert hash_file(path, lambda read: os.utime(path, (1, 1)), lambda: False).changed
    assert not hash_file(path, lambda read: None, lambda: False).changed


def test_a_pipe_that_came_into_a_files_place_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert hash_file(tmp_path / "pipe", lambda read: None, lambda: False).problem == "no regular file"
