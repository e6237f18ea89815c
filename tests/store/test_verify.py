"""What a look at a store finds, and what it puts on record."""

from __future__ import annotations

import os
import random
import threading
from pathlib import Path

import pytest
from filled_store import DAMAGES, SEVEN, model_of, put, rot, stray_blob
from registry_server import Model, blob_file, digest_of, small_model

from jetson_deploy.errors import PreflightError
from jetson_deploy.events import Event, silent
from jetson_deploy.names import parse_model_name
from jetson_deploy.store.hashing import READ_BYTES
from jetson_deploy.store.identity import VerifiedBlobs
from jetson_deploy.store.inventory import read_models
from jetson_deploy.store.layout import StorePaths, prepare_store
from jetson_deploy.store.lock import store_lock
from jetson_deploy.store.maintenance.findings import Verification
from jetson_deploy.store.maintenance.record import record, record_if_possible
from jetson_deploy.store.maintenance.verify import verify_store

NAME = "deepseek-r1:7b"


@pytest.fixture
def model(store: Path) -> Model:
    return put(store, small_model())


def verify(store: Path) -> Verification:
    return verify_store(StorePaths(store))


def told(store: Path) -> list[tuple[str, str, str]]:
    return [(f.kind, f.observed, f.expected) for f in verify(store).findings]


def test_a_whole_store_is_all_right_and_every_byte_was_hashed(store: Path, model: Model) -> None:
    found = verify(store)
    assert found.all_right
    assert found.findings == ()
    assert found.hashed_bytes == model.size
    assert [(m.name, m.whole, m.manifest_digest) for m in found.models] == [(NAME, True, model.digest)]
    assert found.right.keys() == {digest.replace(":", "-") for digest in model.blobs}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.fault("F9")
def test_what_stands_instead_of_a_blob_is_named_and_nothing_waits_for_it(
    damage: str, store: Path, model: Model
) -> None:
    make, observed = DAMAGES[damage]
    make(blob_file(store, model.largest))
    kind = "missing" if damage in ("missing", "dangling") else "not-a-file"
    assert told(store) == [(kind, observed, "300000 bytes")]
    assert [m.whole for m in verify(store).models] == [False]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.fault("F9")
def test_what_stands_instead_of_a_manifest_is_named_and_nothing_waits_for_it(damage: str, store: Path) -> None:
    put(store, small_model())
    put(store, small_model(), "registry.ollama.ai/library/other/1")
    make, observed = DAMAGES[damage]
    make(store / "manifests" / SEVEN)
    expected = [] if damage == "missing" else [("manifest-damaged", observed, "a manifest")]
    assert told(store) == expected


@pytest.mark.parametrize(("change", "kind"), [(-1, "short"), (+1, "long")])
@pytest.mark.fault("F9")
def test_a_blob_of_another_length_is_not_even_read(change: int, kind: str, store: Path, model: Model) -> None:
    path = blob_file(store, model.largest)
    os.truncate(path, 300_000 + change)
    found = verify(store)
    assert [(f.kind, f.observed, f.expected) for f in found.findings] == [
        (kind, f"{300_000 + change} bytes", "300000 bytes")
    ]
    assert found.hashed_bytes == model.size - 300_000


@pytest.mark.fault("F9")
def test_one_flipped_bit_is_found_and_told_with_both_hashes(store: Path, model: Model) -> None:
    path = blob_file(store, model.largest)
    rot(path)
    found = verify(store).findings
    assert [(f.kind, f.observed, f.expected, f.blob, f.models) for f in found] == [
        ("altered", digest_of(path.read_bytes()), model.largest, model.largest, (NAME,))
    ]


def test_a_disk_that_cannot_read_is_no_crash(store: Path) -> None:
    """/proc/self/mem is a file of 0 bytes whose first one gives EIO, like a bad sector."""
    model = put(store, model_of(b"", b"weights"))
    path = blob_file(store, digest_of(b""))
    path.unlink()
    path.symlink_to("/proc/self/mem")
    assert told(store) == [("unreadable", "the disk cannot read it", "0 bytes")]
    assert len(verify(store).right) == len(model.blobs) - 1


def test_a_blob_of_two_models_is_blamed_for_both(store: Path, model: Model) -> None:
    put(store, model, "registry.example/team/m/latest")
    rot(blob_file(store, model.largest))
    assert [f.models for f in verify(store).findings] == [(NAME, "registry.example/team/m:latest")]


def test_of_two_contradicting_manifests_the_wrong_one_is_blamed(store: Path, model: Model) -> None:
    liar = model.manifest.replace(b'"size":300000', b'"size":299999')
    (store / "manifests" / SEVEN).with_name("liar").write_bytes(liar)
    assert [(f.kind, f.models) for f in verify(store).findings] == [("long", ("deepseek-r1:liar",))]


def test_files_that_no_model_needs_are_named_and_harm_nobody(store: Path, model: Model) -> None:
    paths = prepare_store(store)
    stray = stray_blob(store)
    (store / "blobs" / f"{blob_file(store, model.largest).name}-partial-0").write_bytes(b"half")
    (paths.partial / f"{'a' * 64}.data").write_bytes(b"half")
    (paths.partial / f"{'a' * 64}.journal").write_bytes(b"")
    found = verify(store)
    assert found.all_right
    assert [(f.kind, f.blob) for f in found.findings] == [
        ("unfinished", f"sha256:{'a' * 64}"),
        ("unreferenced", stray.name.replace("-", ":")),
        ("foreign", None),
    ]


def test_blobs_of_a_kept_manifest_are_not_without_a_master(store: Path, model: Model) -> None:
    paths = prepare_store(store)
    paths.kept.mkdir()
    (paths.kept / model.digest).write_bytes(model.manifest)
    (store / "manifests" / SEVEN).unlink()
    assert verify(store).findings == ()


def test_a_manifest_under_a_path_that_is_no_name_is_told(store: Path, model: Model) -> None:
    put(store, model, "registry.ollama.ai/library/deepseek-r1/-odd name\n")
    path = "manifests/registry.ollama.ai/library/deepseek-r1/-odd name\\n"
    assert [(f.kind, f.path) for f in verify(store).findings] == [("manifest-damaged", path)]


def test_one_model_alone_is_looked_at_when_it_is_named(store: Path, model: Model) -> None:
    other = put(store, small_model(seed=2), "registry.ollama.ai/library/other/1")
    rot(blob_file(store, model.largest))
    found = verify_store(StorePaths(store), only=parse_model_name("other:1"))
    assert found.all_right
    assert found.hashed_bytes == other.size


def test_what_is_known_from_before_is_not_hashed_again_unless_it_changed(store: Path, model: Model) -> None:
    first = verify(store)
    blob_file(store, model.largest).touch()
    again = verify_store(StorePaths(store), known=first.right)
    assert again.all_right
    assert (again.hashed_bytes, again.known_bytes) == (300_000, model.size - 300_000)


def test_what_was_found_right_is_on_record_and_what_rotted_since_no_longer(store: Path, model: Model) -> None:
    paths = StorePaths(store)
    assert record_if_possible(paths, verify(store)) is None
    assert [m.complete for m in read_models(store)] == [True]
    rot(blob_file(store, model.largest))
    assert [m.complete for m in read_models(store)] == [True]  # size, time and inode are those of the right one
    record(paths, verify(store), wait_seconds=0, stop=threading.Event())
    assert [m.complete for m in read_models(store)] == [False]
    assert blob_file(store, model.largest).name not in VerifiedBlobs(paths).known


def test_a_blob_that_was_replaced_after_it_was_hashed_is_not_recorded(store: Path, model: Model) -> None:
    found = verify(store)
    path = blob_file(store, model.largest)
    path.unlink()
    path.write_bytes(bytes(300_000))
    record(StorePaths(store), found, wait_seconds=0, stop=threading.Event())
    assert path.name not in VerifiedBlobs(StorePaths(store)).known


def test_a_store_that_another_run_holds_is_verified_without_a_record(store: Path, model: Model) -> None:
    paths = prepare_store(store)
    with store_lock(paths, wait_seconds=0, report=silent, stop=threading.Event()):
        found = verify(store)
        assert found.all_right
        assert "another run" in str(record_if_possible(paths, found))


def test_a_blob_that_a_fetch_replaces_while_it_is_read_is_read_again(store: Path) -> None:
    right = random.Random(1).randbytes(3 * READ_BYTES)
    model = put(store, model_of(right))
    path = blob_file(store, model.largest)
    path.write_bytes(bytes(len(right)))

    def replace(event: Event) -> None:
        if path.read_bytes() != right:
            (store / "new").write_bytes(right)
            (store / "new").replace(path)

    assert verify_store(StorePaths(store), report=replace).all_right


@pytest.mark.parametrize("kind", ["absent", "file", "empty"])
def test_a_store_that_is_none_is_said_to_be_none(kind: str, store: Path) -> None:
    if kind == "file":
        store.touch()
    if kind == "empty":
        store.mkdir()
    with pytest.raises(PreflightError) as caught:
        verify(store)
    assert (caught.value.code, caught.value.exit_code) == ("store-not-there", 3)
