"""A disk that is full, or breaks, at every single write of a fetch: a clear error, and the rerun completes.

The disk is `power_cut_fs`, which fails the operation that it is told to. JD_FAILURES sets how many of them are tried
(`all`: each one).
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from chosen_seed import chosen_seed
from debian_registry import debian_registry, push
from fetch_process import PUSHED, Ended, assert_whole, fetch, missing_in, plain_model, wrong_in
from power_cut_fs import CHANGES, TAKES_ROOM, Failure, Order, PowerCutDisk, power_cut_disk
from registry_server import Model
from volatile_disk import KEEPS_NOTHING

pytestmark = [pytest.mark.integration, pytest.mark.timeout(3600)]
SEED = chosen_seed()
FAILURES = os.environ.get("JD_FAILURES") or "8"


@dataclass(repr=False)
class Ground:
    disk: PowerCutDisk
    url: str
    model: Model

    @property
    def store(self) -> Path:
        return self.disk.point / "models"

    def fetch_with(self, failure: Failure) -> tuple[Ended, str]:
        """On a fresh disk; how it ended and what was made to fail."""
        self.disk.order(Order(fresh=True))
        self.disk.order(Order(failure=failure))
        ended = fetch(self.store, self.url)
        return ended, f"{self.disk.state().failed}, JD_SEED={SEED}"

    def assert_healed(self, what: str) -> None:
        """Nothing bad is here, and with the disk in order again the same fetch completes."""
        assert wrong_in(self.store) == [], what
        self.disk.order(Order())
        ended = fetch(self.store, self.url)
        assert ended.code == 0, (what, ended)
        assert_whole(self.store, self.model)


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    folder = tmp_path_factory.mktemp("full")
    with debian_registry(folder / "registry") as url, power_cut_disk(folder / "disk") as disk:
        yield Ground(disk, url, push(url, *PUSHED, plain_model(3_000_000)))


def count(ground: Ground, kinds: tuple[str, ...]) -> int:
    """How many operations of these kinds a whole fetch takes."""
    ground.disk.order(Order(fresh=True))
    assert fetch(ground.store, ground.url).code == 0
    return sum(operation.split()[0] in kinds for operation in ground.disk.state().operations)


def some(total: int) -> range:
    step = 1 if FAILURES == "all" else max(1, total // int(FAILURES))
    return range(SEED % step, total, step)


@pytest.mark.fault("F11")
def test_a_disk_that_is_full_from_any_write_on_is_told_in_numbers(ground: Ground) -> None:
    for nth in some(count(ground, TAKES_ROOM)):
        full = Failure(number=errno.ENOSPC, nth=nth, kinds=TAKES_ROOM, times=1 << 30)
        ended, what = ground.fetch_with(full)
        if ended.code == 0:
            # Only a record that saves time may be lost in silence.
            assert missing_in(ground.store, ground.model) == []
        else:
            assert (ended.code, ended.error) == (6, "disk-full"), (what, ended)
            assert re.search(r"have \d+ bytes", ended.document["message"]), (what, ended)
        ground.assert_healed(what)


def test_a_disk_that_breaks_at_any_operation_is_told_as_such(ground: Ground) -> None:
    for nth in some(count(ground, CHANGES)):
        ended, what = ground.fetch_with(Failure(number=errno.EIO, nth=nth))
        if ended.code == 0:
            assert missing_in(ground.store, ground.model) == []
        else:
            assert (ended.code, ended.error) == (3, "store-gone"), (what, ended)
        ground.assert_healed(what)


def test_bytes_whose_fsync_failed_count_as_lost(ground: Ground) -> None:
    """Linux drops them and reports it once: a second fsync says that all is well."""
    for nth in some(count(ground, ("fsync",))):
        _, what = ground.fetch_with(Failure(number=errno.EIO, nth=nth, kinds=("fsync",)))
        ground.disk.order(Order(power_lost=SEED + nth))
        ground.assert_healed(what)


def test_a_rerun_does_not_trust_bytes_whose_fsync_failed(ground: Ground) -> None:
    """They are still in the page cache, look right, and are on no disk."""
    for nth in some(count(ground, ("fsync",))):
        _, what = ground.fetch_with(Failure(number=errno.EIO, nth=nth, kinds=("fsync",)))
        ground.assert_healed(what)
        ground.disk.order(Order(power_lost=KEEPS_NOTHING))
        assert missing_in(ground.store, ground.model) == [], what


@pytest.mark.fault("F11")
def test_a_disk_without_room_for_names_is_full_too(ground: Ground) -> None:
    kinds = ("create", "mkdir")
    for nth in some(count(ground, kinds)):
        ended, what = ground.fetch_with(Failure(number=errno.EDQUOT, nth=nth, kinds=kinds, times=1 << 30))
        assert ended.code in (0, 6), (what, ended)
        ground.assert_healed(what)
