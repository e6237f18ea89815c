"""`model export NAME -`: the tar to whoever reads, and never success when that went wrong."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from bundles import NAME, exported, tiny_model, write_store
from registry_server import small_model


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return write_store(tmp_path / "store", tiny_model())


def to_stdout(store: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "jetson_deploy", "model", "export", NAME, "-", "--store", str(store), *options]


def test_standard_output_gets_the_same_bytes(store: Path, tmp_path: Path) -> None:
    file = tmp_path / "model.tar"
    assert exported(store, file).code == 0
    done = subprocess.run(to_stdout(store), capture_output=True, timeout=60, check=True)
    assert done.stdout == file.read_bytes()
    assert done.stderr.startswith(f"exported: {NAME}".encode())


def test_a_terminal_gets_no_tar(store: Path) -> None:
    terminal, other = pty.openpty()
    try:
        done = subprocess.run(
            to_stdout(store), stdout=other, stderr=subprocess.PIPE, text=True, timeout=60, check=False
        )
    finally:
        os.close(terminal)
        os.close(other)
    assert done.returncode == 2
    assert "standard output is a terminal" in done.stderr


def test_a_document_and_the_tar_do_not_share_standard_output(store: Path) -> None:
    done = exported(store, Path("-"))
    assert (done.code, done.document["code"]) == (2, "usage")


def test_a_reader_that_goes_away_is_no_success(tmp_path: Path) -> None:
    store = write_store(tmp_path / "store", small_model(1 << 20))
    with subprocess.Popen(to_stdout(store), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(100)
        process.stdout.close()
        said = process.stderr.read().decode()
    assert process.returncode == 6
    assert "Broken pipe" in said
