"""The wheel that the tool makes of itself."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import zipfile
from pathlib import Path

import pytest

from jetson_deploy.install import source


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return source.write_wheel(tmp_path_factory.mktemp("wheel"))


def test_the_same_files_give_the_same_bytes(wheel: Path, tmp_path: Path) -> None:
    source.wheel_bytes.cache_clear()
    assert source.write_wheel(tmp_path).read_bytes() == wheel.read_bytes()


def test_its_record_names_every_file_with_its_hash(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (record,) = [name for name in names if name.endswith("/RECORD")]
        rows = list(csv.reader(io.StringIO(archive.read(record).decode())))
        assert [row[0] for row in rows] == names
        for name, digest, size in rows[:-1]:
            content = archive.read(name)
            wanted = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            assert (digest, size) == (f"sha256={wanted}", str(len(content)))
    assert rows[-1] == [record, "", ""]


def test_it_carries_the_data_the_scripts_for_a_board_and_the_command(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {
        "jetson_deploy/_data/profiles/boards/orin-nano-8gb.yaml",
        "jetson_deploy/_data/jetson-deploy.yaml",
        "jetson_deploy/install/board.sh",
        "jetson_deploy/install/probe.sh",
        f"jetson_deploy-{source.version()}.dist-info/entry_points.txt",
    } <= names
    assert not [name for name in names if name.endswith(".pyc")]


def test_the_directory_on_a_board_is_named_by_version_and_source() -> None:
    assert source.install_name() == f"{source.version()}-{source.identity()[:8]}"
