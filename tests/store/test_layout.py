"""A store is made usable, or the reason why not is told."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from jetson_deploy.errors import PreflightError
from jetson_deploy.names import parse_model_name
from jetson_deploy.store.disk_errors import store_error
from jetson_deploy.store.layout import StorePaths, prepare_store, remove_empty_parents


def test_a_store_is_made_with_open_directories_and_without_traces_of_the_probe(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        paths = prepare_store(tmp_path / "new" / "models")
    finally:
        os.umask(before)
    for directory in (paths.root.parent, paths.root, paths.blobs, paths.manifests):
        assert stat.S_IMODE(directory.stat().st_mode) == 0o755
    assert list(paths.blobs.iterdir()) == list(paths.manifests.iterdir()) == []
    assert sorted(p.name for p in paths.own.iterdir()) == ["partial", "tmp"]


def test_an_existing_directory_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "blobs").mkdir(mode=0o700)
    prepare_store(tmp_path)
    assert stat.S_IMODE((tmp_path / "blobs").stat().st_mode) == 0o700


def test_a_symlinked_store_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    prepare_store(tmp_path / "link")
    assert (tmp_path / "real" / "blobs").is_dir()


@pytest.mark.parametrize("taken", ["models", "models/blobs", "models/.jetson-deploy", "."])
def test_a_file_in_the_way_is_named(taken: str, tmp_path: Path) -> None:
    path = tmp_path / "top" / taken
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("mine")
    with pytest.raises(PreflightError) as caught:
        prepare_store(tmp_path / "top" / "models")
    assert caught.value.code == "store-not-a-directory"
    assert str(path) in caught.value.message
    assert path.read_text() == "mine"


def test_a_store_below_a_mount_point_that_is_not_mounted_is_refused(tmp_path: Path) -> None:
    point = tmp_path / "my disk"
    point.mkdir()
    fstab = tmp_path / "fstab"
    fstab.write_text(
        "# comment\n\nbroken line\nUUID=1 / ext4 defaults 0 1\n"
        f"/dev/nvme0n1p1\t{str(point).replace(' ', chr(92) + '040')} ext4 defaults 0 2\n"
    )
    with pytest.raises(PreflightError) as caught:
        prepare_store(point / "models", fstab=fstab)
    assert caught.value.code == "store-not-mounted"
    assert list(point.iterdir()) == []
    prepare_store(tmp_path / "elsewhere", fstab=fstab)


@pytest.mark.parametrize("content", [b"", b"\xff\x00\n", None])
def test_a_missing_or_odd_fstab_is_no_obstacle(content: bytes | None, tmp_path: Path) -> None:
    fstab = tmp_path / "fstab"
    if content is not None:
        fstab.write_bytes(content)
    prepare_store(tmp_path / "models", fstab=fstab)


def test_a_relative_store_is_made_absolute(tmp_path: Path) -> None:
    relative = Path(os.path.relpath(tmp_path / "models"))
    assert prepare_store(relative).root.is_absolute()


@pytest.mark.parametrize(
    ("number", "code", "exit_code"),
    [
        ("ENOSPC", "disk-full", 6),
        ("EDQUOT", "disk-full", 6),
        ("EFBIG", "file-too-large", 6),
        ("EROFS", "store-read-only", 3),
        ("EACCES", "store-not-writable", 3),
        ("EPERM", "store-not-writable", 3),
        ("EIO", "store-gone", 3),
        ("ESTALE", "store-gone", 3),
        ("ENOTCONN", "store-gone", 3),
        ("EXDEV", "store-split", 3),
        ("ENOLCK", "store-not-writable", 3),
    ],
)
def test_every_failure_of_the_disk_has_its_own_words(number: str, code: str, exit_code: int, tmp_path: Path) -> None:
    value = getattr(errno, number)
    error = store_error(OSError(value, os.strerror(value)), tmp_path)
    assert (error.code, error.exit_code) == (code, exit_code)
    assert str(tmp_path) in error.message
    assert error.hint


def test_the_paths_are_ollamas(tmp_path: Path) -> None:
    paths = StorePaths(tmp_path)
    manifest = paths.manifest(parse_model_name("deepseek-r1:7b"))
    assert manifest == tmp_path / "manifests/registry.ollama.ai/library/deepseek-r1/7b"


def test_only_empty_directories_below_the_top_are_removed(tmp_path: Path) -> None:
    (tmp_path / "top/a/b/c").mkdir(parents=True)
    (tmp_path / "top/a/kept").touch()
    remove_empty_parents(tmp_path / "top/a/b/c/file", tmp_path / "top")
    assert sorted(p.name for p in (tmp_path / "top").rglob("*")) == ["a", "kept"]
    (tmp_path / "top/a/kept").unlink()
    remove_empty_parents(tmp_path / "top/a/file", tmp_path / "top")
    assert list((tmp_path / "top").iterdir()) == []
