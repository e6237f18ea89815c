"""Stores on filesystems that fold case, know no owners, no reserving, no nameless files; that are read-only, full of
symlinks, or somebody else's. NFS is not among them: no test machine of ours can mount it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from debian_registry import debian_registry, push
from disk_tree import Oddities
from fault_proxy import fault_proxy
from fetch_process import CHECKPOINT, PUSHED, assert_whole, end_of, fetch, missing_in, start_fetch, wrong_in
from link_faults import FaultProxy
from odd_mounts import FILESYSTEMS, memory
from power_cut_fs import power_cut_disk
from registry_server import Model, small_model

pytestmark = pytest.mark.integration
SOMEBODY = 1000


@dataclass(repr=False)
class Site:
    """A registry, and the same one behind a proxy that counts."""

    proxy: FaultProxy
    model: Model

    @property
    def url(self) -> str:
        return self.proxy.url


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("odd")
    with debian_registry(folder / "registry") as url, fault_proxy(url) as proxy:
        push(url, PUSHED[0], "other", small_model(seed=2))
        yield Site(proxy, push(url, *PUSHED, small_model(6_000_000)))


def fetch_killed(site: Site, store: Path) -> None:
    """By SIGKILL, with two thirds of the bytes served."""
    site.proxy.rate = 10e6
    before, process = site.proxy.bytes_sent, start_fetch(store, site.url)
    while site.proxy.bytes_sent - before < site.model.size * 2 / 3 and process.poll() is None:
        time.sleep(0.005)
    process.kill()
    site.proxy.rate = 0
    assert end_of(process).code == -signal.SIGKILL


@pytest.mark.parametrize("filesystem", FILESYSTEMS)
def test_a_fetch_completes_and_a_second_one_fetches_nothing(site: Site, tmp_path: Path, filesystem: str) -> None:
    with FILESYSTEMS[filesystem](tmp_path) as disk:
        assert fetch(disk / "models", site.url).code == 0
        assert_whole(disk / "models", site.model)
        served = site.proxy.bytes_sent
        again = fetch(disk / "models", site.url)
        assert (again.code, again.document["result"]) == (0, "no-changes")
        assert site.proxy.bytes_sent == served


@pytest.mark.parametrize("filesystem", FILESYSTEMS)
def test_a_killed_fetch_goes_on_where_it_was(site: Site, tmp_path: Path, filesystem: str) -> None:
    before = site.proxy.bytes_sent
    with FILESYSTEMS[filesystem](tmp_path) as disk:
        fetch_killed(site, disk / "models")
        assert wrong_in(disk / "models") == []
        assert fetch(disk / "models", site.url).code == 0
        assert_whole(disk / "models", site.model)
        assert site.proxy.bytes_sent - before <= 1.02 * site.model.size + CHECKPOINT * site.proxy.most_at_once


@pytest.mark.parametrize("filesystem", ["exFAT", "like FAT"])
def test_a_name_in_other_letters_is_refused_where_both_are_one(site: Site, tmp_path: Path, filesystem: str) -> None:
    with FILESYSTEMS[filesystem](tmp_path) as disk:
        assert fetch(disk / "models", site.url).code == 0
        refused = fetch(disk / "models", site.url, name="Proving-Ground:1")
        assert (refused.code, refused.error) == (3, "store-folds-case")
        assert_whole(disk / "models", site.model)


@pytest.mark.parametrize("filesystem", ["exFAT", "like FAT"])
def test_a_name_with_a_port_is_refused_where_it_cannot_be_written(site: Site, tmp_path: Path, filesystem: str) -> None:
    name = f"{site.url.removeprefix('http://')}/{PUSHED[0]}:other"
    with FILESYSTEMS[filesystem](tmp_path) as disk:
        served = site.proxy.bytes_sent
        refused = fetch(disk / "models", site.url, name=name)
        assert (refused.code, refused.error) == (3, "store-name-refused"), refused.document
        assert site.proxy.bytes_sent == served, "before the first byte"
        assert wrong_in(disk / "models") == []


def test_a_file_that_is_too_large_for_the_filesystem_is_told_before_the_first_byte(site: Site, tmp_path: Path) -> None:
    with power_cut_disk(tmp_path / "disk", Oddities(largest_file=5_000_000, fallocate=False)) as disk:
        served = site.proxy.bytes_sent
        refused = fetch(disk.point / "models", site.url)
        assert (refused.code, refused.error) == (6, "file-too-large"), refused.document
        assert site.proxy.bytes_sent == served
        assert wrong_in(disk.point / "models") == []
        left = [path for path in (disk.point / "models/.jetson-deploy").rglob("*.data") if path.stat().st_size]
        assert left == []


def test_a_read_only_store_is_told(site: Site, tmp_path: Path) -> None:
    with memory(tmp_path) as disk:
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        refused = fetch(disk / "models", site.url)
        assert (refused.code, refused.error) == (3, "store-read-only")


def test_all_that_root_makes_in_a_store_of_somebody_belongs_to_them(site: Site, tmp_path: Path) -> None:
    store = tmp_path / "models"
    store.mkdir()
    os.chown(store, SOMEBODY, SOMEBODY)
    fetch_killed(site, store)
    assert foreign_in(store) == []
    assert fetch(store, site.url).code == 0
    assert fetch(store, site.url, name=f"{PUSHED[0]}:other").code == 0
    assert foreign_in(store) == []


def foreign_in(store: Path) -> list[str]:
    found = [path for path in store.rglob("*") if (path.lstat().st_uid, path.lstat().st_gid) != (SOMEBODY, SOMEBODY)]
    return [str(path) for path in found]


def test_a_store_of_somebody_else_is_refused_to_who_may_not_write_there(site: Site, tmp_path: Path) -> None:
    """Root without the capabilities that let it write anywhere, as in a container or on NFS."""
    store = tmp_path / "models"
    store.mkdir(mode=0o755)
    os.chown(store, SOMEBODY, SOMEBODY)
    refused = fetch(store, site.url, before=("setpriv", "--bounding-set", "-dac_override,-dac_read_search,-chown"))
    assert (refused.code, refused.error) == (3, "store-not-writable")
    assert list(store.iterdir()) == []


def test_who_may_not_give_files_away_still_fetches(site: Site, tmp_path: Path) -> None:
    store = tmp_path / "models"
    store.mkdir()
    os.chown(store, SOMEBODY, SOMEBODY)
    assert fetch(store, site.url, before=("setpriv", "--bounding-set", "-chown")).code == 0
    assert_whole(store, site.model)


def test_a_store_behind_symlinks_is_filled_where_they_point(site: Site, tmp_path: Path) -> None:
    (tmp_path / "disk/real").mkdir(parents=True)
    (tmp_path / "disk/big").mkdir()
    (tmp_path / "models").symlink_to("disk/real")
    (tmp_path / "disk/real/blobs").symlink_to(tmp_path / "disk/big")
    assert fetch(tmp_path / "models", site.url).code == 0
    assert_whole(tmp_path / "disk/real", site.model)
    assert len(list((tmp_path / "disk/big").iterdir())) == len(site.model.blobs)
    assert (tmp_path / "models").is_symlink()


def test_blobs_behind_a_symlink_to_another_disk_are_refused(site: Site, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    with memory(tmp_path) as disk:
        (disk / "blobs").mkdir()
        (tmp_path / "models/blobs").symlink_to(disk / "blobs")
        refused = fetch(tmp_path / "models", site.url)
        assert (refused.code, refused.error) == (3, "store-split")
        assert list((disk / "blobs").iterdir()) == []


@pytest.mark.parametrize("what", ["the store", "blobs", "manifests", ".jetson-deploy"])
def test_a_symlink_to_nowhere_is_told(site: Site, tmp_path: Path, what: str) -> None:
    store = tmp_path / "models"
    if what != "the store":
        store.mkdir()
    (store if what == "the store" else store / what).symlink_to(tmp_path / "nowhere")
    refused = fetch(store, site.url)
    assert (refused.code, refused.error) == (3, "store-not-a-directory"), refused.document
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("what", ["a blob", "an unfinished download"])
def test_a_symlink_in_place_of_a_file_is_not_written_through(site: Site, tmp_path: Path, what: str) -> None:
    store, victim = tmp_path / "models", tmp_path / "victim"
    victim.write_text("mine")
    hexes = site.model.largest.removeprefix("sha256:")
    place = store / ("blobs/sha256-" + hexes if what == "a blob" else f".jetson-deploy/partial/{hexes}.data")
    place.parent.mkdir(parents=True)
    place.symlink_to(victim)
    assert fetch(store, site.url).code == 0
    assert victim.read_text() == "mine"
    assert not place.is_symlink()
    assert missing_in(store, site.model) == []
