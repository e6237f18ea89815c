"""The power goes in the middle of a fetch: what was not fsynced is lost, or half of it, and the rerun goes on.

The disk is `power_cut_fs`, the registry Debian's. JD_CUTS sets how many moments are tried (`all`: after every
change), JD_SEED what the disk keeps; both are named when a cut finds something.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from chosen_seed import chosen_seed
from debian_registry import debian_registry, push
from fault_proxy import fault_proxy
from fetch_process import CHECKPOINT, PUSHED, assert_whole, fetch, missing_in, plain_model, wrong_in
from link_faults import FaultProxy
from power_cut_fs import CHANGES, Order, PowerCutDisk, State, power_cut_disk
from registry_server import Model, blob_file, digest_of
from volatile_disk import KEEPS_NOTHING

pytestmark = [pytest.mark.integration, pytest.mark.timeout(3600)]
SEED = chosen_seed()
CUTS = os.environ.get("JD_CUTS") or "16"


@dataclass(repr=False)
class Ground:
    """A store on a disk whose power can be cut, and the registry that its model comes from."""

    disk: PowerCutDisk
    proxy: FaultProxy
    model: Model

    @property
    def store(self) -> Path:
        return self.disk.point / "models"

    def fetch_until_cut(self, changes: int, kinds: tuple[str, ...] = CHANGES, fsync_seconds: float = 0) -> State:
        self.disk.order(Order(cut_after=changes, cut_kinds=kinds, fsync_seconds=fsync_seconds))
        fetch(self.store, self.proxy.url)
        return self.disk.state()

    def lose_power(self, seed: int, told: State) -> None:
        """And see that nothing bad is left."""
        self.disk.order(Order(power_lost=seed))
        wrong = wrong_in(self.store)
        assert wrong == [], f"after {len(told.operations)} changes, JD_SEED={SEED}: {told.operations[-8:]}"

    def fetch_rest(self) -> int:
        """Bytes of blobs that it took to complete the model."""
        before = self.proxy.bytes_sent
        ended = fetch(self.store, self.proxy.url)
        assert ended.code == 0, ended
        assert_whole(self.store, self.model)
        return self.proxy.bytes_sent - before


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    folder = tmp_path_factory.mktemp("power")
    with (
        debian_registry(folder / "registry") as url,
        fault_proxy(url) as proxy,
        power_cut_disk(folder / "disk") as disk,
    ):
        yield Ground(disk, proxy, push(url, *PUSHED, plain_model(4_000_000)))


def changes_of_a_fetch(ground: Ground) -> int:
    ground.disk.order(Order(fresh=True))
    ground.fetch_rest()
    return len(ground.disk.state().operations)


def moments(changes: int) -> range:
    """In equal steps over the whole fetch, at another place with every seed."""
    step = 1 if CUTS == "all" else max(1, changes // int(CUTS))
    return range(SEED % step, changes, step)


@pytest.mark.fault("F6")
def test_a_cut_after_any_change_leaves_only_right_blobs_and_the_rerun_completes(ground: Ground) -> None:
    for changes in moments(changes_of_a_fetch(ground)):
        ground.disk.order(Order(fresh=True, fsync_keeps_names=changes % 2 == 0))
        told = ground.fetch_until_cut(changes)
        ground.lose_power(SEED + changes, told)
        assert ground.fetch_rest() <= most_to_fetch(ground, told), f"JD_SEED={SEED}: {told.operations[-8:]}"


def most_to_fetch(ground: Ground, told: State) -> int:
    """By a rerun: what was not written, and a checkpoint for each connection."""
    return max(0, ground.model.size - told.written) + CHECKPOINT * ground.proxy.most_at_once


@pytest.mark.parametrize("writes", [6, 10, 14, 18])
def test_a_slow_disk_does_not_make_a_cut_dearer(ground: Ground, writes: int) -> None:
    """An fsync lasts far longer than the next checkpoint's bytes need to arrive."""
    ground.disk.order(Order(fresh=True))
    told = ground.fetch_until_cut(writes, ("write",), fsync_seconds=0.1)
    ground.lose_power(KEEPS_NOTHING, told)
    assert ground.fetch_rest() <= most_to_fetch(ground, told), told.operations[-8:]


@pytest.mark.fault("F6")
def test_cuts_one_after_another_cost_a_checkpoint_each(ground: Ground) -> None:
    chance = random.Random(SEED)
    ground.disk.order(Order(fresh=True))
    before, written, cuts = ground.proxy.bytes_sent, 0, 0
    while True:
        told = ground.fetch_until_cut(chance.randint(8, 40))
        if not told.is_cut:
            break
        cuts, written = cuts + 1, written + told.written
        ground.lose_power(chance.randrange(1 << 30), told)
    assert cuts >= 2
    assert_whole(ground.store, ground.model)
    assert written + told.written <= 1.02 * ground.model.size + cuts * CHECKPOINT * ground.proxy.most_at_once
    assert ground.proxy.bytes_sent - before >= ground.model.size


@pytest.mark.parametrize("seed", [KEEPS_NOTHING, SEED + 1, SEED + 2])
@pytest.mark.fault("F6")
def test_what_was_called_done_outlives_a_cut(ground: Ground, seed: int) -> None:
    ground.disk.order(Order(fresh=True))
    ground.fetch_rest()
    ground.lose_power(seed, ground.disk.state())
    assert missing_in(ground.store, ground.model) == []


@pytest.mark.fault("F6")
def test_a_rerun_makes_durable_what_a_killed_run_had_not(ground: Ground) -> None:
    """Killed between a rename and the fsync of the directory: the rerun finds all in place, and must not trust that."""
    number = 0
    while True:
        ground.disk.order(Order(fresh=True))
        told = ground.fetch_until_cut(number, ("mkdir", "rename", "rename2"))
        if not told.is_cut:
            break
        ground.disk.order(Order())
        ground.fetch_rest()
        ground.lose_power(KEEPS_NOTHING, told)
        assert missing_in(ground.store, ground.model) == [], f"killed after {told.operations[-1]}"
        number += 1
    assert number >= 10


def test_blobs_that_somebody_else_left_in_the_page_cache_are_made_durable(ground: Ground) -> None:
    ground.disk.order(Order(fresh=True))
    (ground.store / "blobs").mkdir(parents=True)
    for digest, content in ground.model.blobs.items():
        blob_file(ground.store, digest).write_bytes(content)
    assert ground.fetch_rest() == 0
    ground.lose_power(KEEPS_NOTHING, ground.disk.state())
    assert missing_in(ground.store, ground.model) == []


def test_a_disk_that_lost_what_was_not_fsynced_shows_it(ground: Ground) -> None:
    """Of the tests' disk: a program that forgets the fsync is found out."""
    content = random.Random(1).randbytes(1_000_000)
    found = []
    for seed in range(12):
        ground.disk.order(Order(fresh=True))
        blobs = ground.store / "blobs"
        blobs.mkdir(parents=True)
        (blobs / "unfinished").write_bytes(content)
        (blobs / "unfinished").rename(blobs / digest_of(content).replace(":", "-"))
        ground.disk.order(Order(power_lost=seed))
        found += wrong_in(ground.store)
    assert found
