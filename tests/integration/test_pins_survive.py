"""The power goes, or the disk is full or breaks, at any change of pinning a manifest and of letting go of it.

The disk is `power_cut_fs`. Every moment is tried; JD_SEED sets what the disk keeps and is named when one finds
something.
"""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from chosen_seed import chosen_seed
from filled_store import model_of, put
from power_cut_fs import CHANGES, TAKES_ROOM, Failure, Order, PowerCutDisk, State, power_cut_disk
from registry_server import Model
from volatile_disk import KEEPS_NOTHING

from jetson_deploy.names import parse_model_name
from jetson_deploy.store.pinned import pin_manifest, pinned_digests

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]
SEED = chosen_seed()
NAME = parse_model_name("deepseek-r1:7b")
SHARED, FIRST, SECOND = b"shared by all", b"first", b"second"
ONE, OTHER = model_of(SHARED, FIRST), model_of(SHARED, SECOND)

_RUN = """\
import sys
from pathlib import Path
from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.names import parse_model_name
from jetson_deploy.store.pinned import pin_manifest
from jetson_deploy.store.maintenance.release import release

store, verb, digest = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
try:
    if verb == "pin":
        pin_manifest(store, parse_model_name("deepseek-r1:7b"), digest)
    else:
        release(store, pins=[digest])
except JetsonDeployError as error:
    print(error.code)
    sys.exit(error.exit_code)
"""


class Ground:
    def __init__(self, disk: PowerCutDisk) -> None:
        self.disk = disk
        self.store = disk.point / "models"

    def fill(self, *, pinned: bool) -> None:
        """Durable. The tag means OTHER when ONE is pinned, else ONE."""
        self.disk.order(Order(fresh=True))
        put(self.store, ONE)
        if pinned:
            pin_manifest(self.store, NAME, ONE.digest)
            put(self.store, OTHER)
        for path in (self.disk.point, *self.disk.point.rglob("*")):
            descriptor = os.open(path, os.O_RDONLY)
            os.fsync(descriptor)
            os.close(descriptor)
        self.disk.order(Order())

    def run(self, verb: str, model: Model = ONE) -> tuple[int, str]:
        command = [sys.executable, "-c", _RUN, str(self.store), verb, model.digest]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, done.stdout.strip()

    def changes(self, verb: str, kinds: tuple[str, ...]) -> int:
        self.fill(pinned=verb != "pin")
        assert self.run(verb) == (0, "")
        return sum(operation.split()[0] in kinds for operation in self.disk.state().operations)

    def cut(self, verb: str, after: int, seed: int) -> State:
        self.disk.order(Order(cut_after=after))
        self.run(verb)
        told = self.disk.state()
        self.disk.order(Order(power_lost=seed))
        return told

    def blobs(self) -> set[bytes]:
        return {path.read_bytes() for path in (self.store / "blobs").iterdir()}

    def assert_trees_are_whole(self, what: str) -> None:
        pinned = self.store / ".jetson-deploy/pinned"
        trees = tuple(sorted(path.name for path in pinned.iterdir())) if pinned.exists() else ()
        assert trees == pinned_digests(self.store), what

    def assert_let_go(self, what: str) -> None:
        """Whatever happened before: the next run ends it, and what OTHER needs is there."""
        assert self.run("let go") == (0, ""), what
        assert (self.blobs(), pinned_digests(self.store)) == ({SHARED, SECOND}, ()), what
        assert list((self.store / ".jetson-deploy/dropped").iterdir()) == [], what

    def assert_blobs_of_whole_pins(self, what: str) -> None:
        assert {SHARED, SECOND} <= self.blobs(), what
        if pinned_digests(self.store):
            assert FIRST in self.blobs(), what


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    with power_cut_disk(tmp_path_factory.mktemp("pins") / "disk") as disk:
        yield Ground(disk)


@pytest.mark.parametrize("seed", [KEEPS_NOTHING, SEED])
def test_a_cut_while_pinning_leaves_a_whole_tree_or_none_and_the_rerun_completes(ground: Ground, seed: int) -> None:
    for after in range(ground.changes("pin", CHANGES)):
        ground.fill(pinned=False)
        told = ground.cut("pin", after, seed + after if seed else KEEPS_NOTHING)
        what = f"JD_SEED={SEED}, after {told.operations[-4:]}"
        ground.assert_trees_are_whole(what)
        assert ground.run("pin") == (0, ""), what
        ground.disk.order(Order(power_lost=KEEPS_NOTHING))
        assert pinned_digests(ground.store) == (ONE.digest,), what


@pytest.mark.parametrize("seed", [KEEPS_NOTHING, SEED])
def test_a_cut_while_letting_go_takes_no_blob_of_a_pin_and_the_rerun_takes_the_rest(ground: Ground, seed: int) -> None:
    for after in range(ground.changes("let go", CHANGES)):
        ground.fill(pinned=True)
        told = ground.cut("let go", after, seed + after if seed else KEEPS_NOTHING)
        what = f"JD_SEED={SEED}, after {told.operations[-4:]}"
        ground.assert_trees_are_whole(what)
        ground.assert_blobs_of_whole_pins(what)
        ground.assert_let_go(what)


def test_a_rerun_makes_durable_what_a_killed_run_had_not(ground: Ground) -> None:
    kinds = ("mkdir", "rename", "rename2")
    for nth in range(ground.changes("pin", kinds)):
        ground.fill(pinned=False)
        ground.disk.order(Order(cut_after=nth, cut_kinds=kinds))
        ground.run("pin")
        told = ground.disk.state()
        ground.disk.order(Order())
        assert ground.run("pin") == (0, "")
        ground.disk.order(Order(power_lost=KEEPS_NOTHING))
        assert pinned_digests(ground.store) == (ONE.digest,), told.operations[-1]


@pytest.mark.parametrize("verb", ["pin", "let go"])
@pytest.mark.parametrize(
    ("number", "kinds", "ends"),
    [
        (errno.ENOSPC, TAKES_ROOM, (6, "disk-full")),
        (errno.EIO, CHANGES, (3, "store-gone")),
    ],
)
def test_a_disk_that_is_full_or_breaks_at_any_change_is_told_and_the_rerun_completes(
    ground: Ground, verb: str, number: int, kinds: tuple[str, ...], ends: tuple[int, str]
) -> None:
    for nth in range(ground.changes(verb, kinds)):
        ground.fill(pinned=verb != "pin")
        times = 1 << 30 if number == errno.ENOSPC else 1
        ground.disk.order(Order(failure=Failure(number=number, nth=nth, kinds=kinds, times=times)))
        ended, what = ground.run(verb), str(ground.disk.state().failed)
        assert ended in ((0, ""), ends), what
        ground.disk.order(Order())
        ground.assert_trees_are_whole(what)
        if verb == "pin":
            assert ended[0] or pinned_digests(ground.store), what
            assert ground.run("pin") == (0, ""), what
            assert pinned_digests(ground.store) == (ONE.digest,), what
        else:
            ground.assert_blobs_of_whole_pins(what)
            ground.assert_let_go(what)
