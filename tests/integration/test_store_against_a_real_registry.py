"""The fetcher against Debian's docker-registry, and against disks that are full or read-only."""

from __future__ import annotations

import errno
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from debian_registry import debian_registry, push
from registry_server import digest_of, serving, small_model

from jetson_deploy.errors import IntegrityError, NetworkError, PreflightError, ResourceError
from jetson_deploy.events import silent
from jetson_deploy.names import parse_model_name
from jetson_deploy.store.fetch import FetchResult, fetch_model
from jetson_deploy.store.inventory import read_models
from jetson_deploy.store.layout import prepare_store

pytestmark = pytest.mark.integration
NAME = parse_model_name("deepseek-r1:7b")


@pytest.fixture
def real_registry(tmp_path: Path) -> Iterator[str]:
    """The registry's address; its data lies in `tmp_path/registry/data`."""
    with debian_registry(tmp_path / "registry") as url:
        yield url


def fetch(url: str, store: Path, expected: str | None = None) -> FetchResult:
    return fetch_model(
        NAME,
        store=store,
        registry=url,
        expected_digest=expected,
        report=silent,
        stop=threading.Event(),
        stall_seconds=10,
        sleep=lambda seconds: None,
    )


def test_a_pushed_model_is_fetched_byte_for_byte(real_registry: str, tmp_path: Path) -> None:
    model = small_model(5_000_000)
    push(real_registry, "library/deepseek-r1", "7b", model)
    store = tmp_path / "store"
    assert fetch(real_registry, store, model.digest).fetched_bytes == model.size
    assert read_models(store)[0].manifest_digest == model.digest
    assert read_models(store)[0].complete
    for path in (store / "blobs").iterdir():
        assert digest_of(path.read_bytes()) == path.name.replace("-", ":", 1)
    assert fetch(real_registry, store).reused_bytes == model.size


def test_what_the_real_registry_does_not_have_is_named(real_registry: str, tmp_path: Path) -> None:
    with pytest.raises(NetworkError) as caught:
        fetch(real_registry, tmp_path / "store")
    assert caught.value.code == "model-not-found-in-registry"


@pytest.mark.fault("F10")
def test_a_blob_that_rotted_in_the_real_registry_is_never_kept(real_registry: str, tmp_path: Path) -> None:
    model = small_model()
    push(real_registry, "library/deepseek-r1", "7b", model)
    hexes = model.largest.removeprefix("sha256:")
    rotten = tmp_path / "registry/data/docker/registry/v2/blobs/sha256" / hexes[:2] / hexes / "data"
    rotten.write_bytes(b"\x00" + rotten.read_bytes()[1:])
    with pytest.raises(IntegrityError) as caught:
        fetch(real_registry, tmp_path / "store")
    assert (caught.value.code, caught.value.exit_code) == ("blob-corrupt", 5)
    assert not (tmp_path / "store/blobs" / model.largest.replace(":", "-")).exists()
    assert read_models(tmp_path / "store") == ()


@contextmanager
def mounted(point: Path, size: int) -> Iterator[Path]:
    point.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", point], check=True)
    try:
        yield point
    finally:
        subprocess.run(["umount", point], check=True)


@pytest.mark.fault("F11")
def test_a_full_disk_is_told_in_numbers_before_the_first_byte(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", 2 << 20) as disk, serving() as registry:
        model = registry.add("library/deepseek-r1:7b", small_model(4 << 20))
        with pytest.raises(ResourceError) as caught:
            fetch(registry.url, disk)
        assert caught.value.code == "disk-full"
        assert f"need {model.size} bytes" in caught.value.message
        assert registry.blob_requests() == []


def test_room_that_was_taken_before_the_first_byte_is_nobody_else_s(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", 6 << 20) as disk, serving() as registry:
        model = registry.add("library/deepseek-r1:7b", small_model(4 << 20))
        came_short: list[int | None] = []

        def fill(event: object) -> None:
            """Another program wants the room as soon as the fetch reports that it began."""
            if came_short:
                return
            with (disk / "other").open("wb", buffering=0) as other:
                try:
                    while True:
                        other.write(bytes(64 << 10))
                except OSError as error:
                    came_short.append(error.errno)
                    other.truncate(other.tell() - (128 << 10))  # the manifest and the journal need a little

        stop = threading.Event()
        fetch_model(NAME, store=disk, registry=registry.url, expected_digest=None, report=fill, stop=stop)
        assert came_short == [errno.ENOSPC]
        assert read_models(disk)[0].complete
        assert read_models(disk)[0].size_bytes == model.size


def test_wrong_blobs_give_their_room_back_to_the_right_ones(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", 6 << 20) as disk, serving() as registry:
        model = registry.add("library/deepseek-r1:7b", small_model(4 << 20))
        fetch(registry.url, disk)
        (disk / "blobs" / model.largest.replace(":", "-")).write_bytes(bytes(4 << 20))
        assert fetch(registry.url, disk).fetched_bytes == 4 << 20


def test_a_read_only_store_is_told_even_to_root(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", 1 << 20) as disk:
        prepare_store(disk)
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        with pytest.raises(PreflightError) as caught:
            prepare_store(disk)
        assert caught.value.code == "store-read-only"


def test_blobs_on_another_filesystem_are_refused(tmp_path: Path) -> None:
    prepare_store(tmp_path / "store")
    (tmp_path / "store/blobs").rmdir()
    with mounted(tmp_path / "store/blobs", 1 << 20), pytest.raises(PreflightError) as caught:
        prepare_store(tmp_path / "store")
    assert caught.value.code == "store-split"
