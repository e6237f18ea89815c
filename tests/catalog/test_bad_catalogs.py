"""Each directory in bad/ is an overlay with one fault, and the words that its error must hold."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from jetson_deploy.catalog.load import load_catalog, load_issues
from jetson_deploy.errors import CatalogError

BAD = Path(__file__).parent / "bad"
CASES = sorted(path.name for path in BAD.iterdir())


def refused(nowhere: Path, *overlays: Path) -> CatalogError:
    with pytest.raises(CatalogError) as caught:
        load_catalog(overlays, system_dir=nowhere, user_dir=nowhere)
        load_issues(overlays, system_dir=nowhere, user_dir=nowhere)
    error = caught.value
    assert error.exit_code == 2
    assert error.message.isprintable()
    assert error.hint.isprintable()
    assert error.hint
    assert error.code.startswith("catalog-")
    return error


@pytest.mark.parametrize("case", CASES)
@pytest.mark.fault("F25")
def test_a_faulty_overlay_is_refused_with_file_key_and_remedy(case: str, nowhere: Path) -> None:
    error = refused(nowhere, BAD / case)
    assert error.message.startswith(str(BAD / case))
    told = f"{error.message}\n{error.hint}"
    for words in (BAD / case / "expect.txt").read_text().splitlines():
        assert words in told


def test_the_error_names_the_layer_that_holds_the_wrong_key(nowhere: Path, overlay: Any) -> None:
    good = overlay({"profiles/boards/orin-nano-8gb.yaml": "ram_gb: 8\n"}, "good")
    bad = overlay({"profiles/boards/orin-nano-8gb.yaml": "ram_gbs: 8\n"}, "bad")
    last = overlay({"profiles/boards/orin-nano-8gb.yaml": "name: Mine\n"}, "last")
    assert refused(nowhere, good, bad, last).message.startswith(str(bad))


def test_a_value_that_two_layers_set_is_the_fault_of_the_later_one(nowhere: Path, overlay: Any) -> None:
    first = overlay({"profiles/boards/orin-nano-8gb.yaml": "ram_gb: 8\n"}, "first")
    second = overlay({"profiles/boards/orin-nano-8gb.yaml": "ram_gb: x\n"}, "second")
    assert refused(nowhere, first, second).message.startswith(str(second))


def test_a_new_entry_without_neighbours_gets_no_wrong_suggestion(nowhere: Path, overlay: Any) -> None:
    directory = overlay({"profiles/boards/zzz.yaml": "ram_gb: 8\n"})
    assert "did you mean" not in refused(nowhere, directory).hint


def test_an_overlay_that_does_not_exist_is_refused(nowhere: Path, tmp_path: Path) -> None:
    error = refused(nowhere, tmp_path / "absent")
    assert "is no catalog overlay" in error.message
    assert str(tmp_path / "absent") in error.message


def test_an_overlay_with_neither_profiles_nor_containers_is_refused(nowhere: Path, tmp_path: Path) -> None:
    assert "profiles/ or containers/" in refused(nowhere, tmp_path).message


def test_a_file_as_an_overlay_is_refused(nowhere: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert refused(nowhere, tmp_path / "file").code == "catalog-overlay-missing"


@pytest.mark.parametrize("content", [b"\x7fELF\x02\x01\x00\x00", b"\xff\xfe\x00n", b"name: \xe9\n", b"a\0b"])
def test_a_binary_file_is_refused(nowhere: Path, overlay: Any, content: bytes) -> None:
    directory = overlay({"profiles/boards/orin-nano-8gb.yaml": ""})
    (directory / "profiles/boards/orin-nano-8gb.yaml").write_bytes(content)
    assert "is not text in UTF-8" in refused(nowhere, directory).message


def test_a_file_larger_than_1_mib_is_refused(nowhere: Path, overlay: Any) -> None:
    directory = overlay({"profiles/limits.yaml": "# " + "x" * (1 << 20)})
    assert "larger than 1 MiB" in refused(nowhere, directory).message


def test_a_fifo_is_refused_and_does_not_hang(nowhere: Path, overlay: Any) -> None:
    directory = overlay({"profiles/limits.yaml": ""})
    os.mkfifo(directory / "profiles/boards.yaml")
    (directory / "profiles/limits.yaml").unlink()
    (directory / "profiles/boards.yaml").rename(directory / "profiles/limits.yaml")
    assert "is not a regular file" in refused(nowhere, directory).message


def test_a_directory_in_place_of_a_file_is_refused(nowhere: Path, tmp_path: Path) -> None:
    (tmp_path / "profiles" / "limits.yaml").mkdir(parents=True)
    assert "limits.yaml" in refused(nowhere, tmp_path).message


def test_a_dangling_link_is_refused(nowhere: Path, overlay: Any) -> None:
    directory = overlay({"profiles/readme.txt": ""})
    (directory / "profiles/limits.yaml").symlink_to("absent")
    assert "No such file" in refused(nowhere, directory).message


@pytest.mark.fault("F25")
def test_a_key_with_control_characters_cannot_break_the_line(nowhere: Path, overlay: Any) -> None:
    directory = overlay({"profiles/boards/orin-nano-8gb.yaml": '"a\\n\\x1b[31mb": 1\n'})
    assert "unknown key" in refused(nowhere, directory).message


def test_built_in_data_that_is_missing_is_refused(nowhere: Path, tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="is missing"):
        load_catalog(built_in=tmp_path, system_dir=nowhere, user_dir=nowhere)
