"""A manifest is pinned for a deployment, whatever becomes of its tag, and let go again."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from filled_store import DAMAGES, SEVEN, kept_manifest, put
from registry_server import Model, RegistryServer, blob_file, small_model

from jetson_deploy.errors import LockedError, PreflightError
from jetson_deploy.events import silent
from jetson_deploy.names import ModelName, parse_model_name
from jetson_deploy.store.fetch import FetchResult
from jetson_deploy.store.layout import StorePaths, prepare_store
from jetson_deploy.store.lock import store_lock
from jetson_deploy.store.maintenance.record import record
from jetson_deploy.store.maintenance.verify import verify_store
from jetson_deploy.store.pinned import pin_manifest, pinned_digests, pinned_models

NAME = parse_model_name("deepseek-r1:7b")
LATEST = parse_model_name("deepseek-r1")
ELSEWHERE = parse_model_name("registry.example:5000/team/m:1")


@pytest.fixture
def model(store: Path) -> Model:
    return put(store, small_model())


def pinned_file(store: Path, model: Model, path: str = SEVEN) -> Path:
    return store / ".jetson-deploy/pinned" / model.digest / path


def tree_of(store: Path, model: Model) -> dict[str, bytes]:
    top = pinned_file(store, model, "")
    return {str(path.relative_to(top)): path.read_bytes() for path in top.rglob("*") if path.is_file()}


def test_a_pinned_manifest_lies_in_a_tree_of_its_own_like_those_of_ollama(store: Path, model: Model) -> None:
    pin_manifest(store, NAME, model.digest)
    assert tree_of(store, model) == {SEVEN: model.manifest}
    assert pinned_digests(store) == (model.digest,)
    assert list((store / ".jetson-deploy/tmp").iterdir()) == []


def test_modes_and_owners_are_those_of_the_store(store: Path, model: Model) -> None:
    os.chown(store, 1234, 1235)
    before = os.umask(0o077)
    try:
        pin_manifest(store, NAME, model.digest)
    finally:
        os.umask(before)
    pinned = pinned_file(store, model)
    for path in (pinned, *list(pinned.parents)[:6]):
        status = path.stat()
        assert (status.st_uid, status.st_gid) == (1234, 1235), path
        assert status.st_mode & 0o777 == (0o644 if path == pinned else 0o755), path


@pytest.mark.fault("F26")
def test_a_tag_that_moved_leaves_the_pin_as_it_was(store: Path, model: Model) -> None:
    pin_manifest(store, NAME, model.digest)
    put(store, small_model(seed=2))
    pin_manifest(store, NAME, model.digest)
    assert tree_of(store, model) == {SEVEN: model.manifest}


def test_a_manifest_that_was_replaced_under_its_tag_is_found_among_the_kept_ones(store: Path, model: Model) -> None:
    kept_manifest(store, model)
    put(store, small_model(seed=2))
    pin_manifest(store, NAME, model.digest)
    assert tree_of(store, model) == {SEVEN: model.manifest}


@pytest.mark.parametrize("name", [LATEST, ELSEWHERE])
def test_two_names_of_one_digest_share_the_tree_in_its_directory(store: Path, model: Model, name: ModelName) -> None:
    pin_manifest(store, NAME, model.digest)
    inode = pinned_file(store, model, "").stat().st_ino
    (store / "manifests" / SEVEN).unlink()
    pin_manifest(store, name, model.digest)
    assert tree_of(store, model) == {SEVEN: model.manifest, "/".join(name.manifest_path): model.manifest}
    assert pinned_file(store, model, "").stat().st_ino == inode


def test_a_manifest_that_is_nowhere_is_refused_and_nothing_is_written(store: Path, model: Model) -> None:
    with pytest.raises(PreflightError) as caught:
        pin_manifest(store, NAME, "0" * 64)
    assert caught.value.code == "manifest-not-here"
    assert "model fetch deepseek-r1:7b" in caught.value.hint
    assert not (store / ".jetson-deploy").exists()


@pytest.mark.parametrize("damage", [*DAMAGES, "text", "stray"])
def test_a_damaged_pin_is_told_and_mended_in_the_directory_that_is_mounted(
    damage: str, store: Path, model: Model
) -> None:
    pin_manifest(store, NAME, model.digest)
    pinned = pinned_file(store, model)
    inode = pinned_file(store, model, "").stat().st_ino
    if damage in DAMAGES:
        DAMAGES[damage][0](pinned)
    elif damage == "text":
        pinned.write_text("text")
    else:
        pinned.with_name("no tag").touch()
    assert pinned_digests(store) == ()
    pin_manifest(store, NAME, model.digest)
    assert tree_of(store, model) == {SEVEN: model.manifest}
    assert pinned_digests(store) == (model.digest,)
    assert pinned_file(store, model, "").stat().st_ino == inode


@pytest.mark.parametrize("instead", ["file", "empty", "link"])
def test_something_else_under_the_digest_gives_way(instead: str, store: Path, model: Model) -> None:
    tree = prepare_store(store).pinned / model.digest
    tree.parent.mkdir()
    if instead == "file":
        tree.touch()
    elif instead == "empty":
        tree.mkdir()
    else:
        tree.symlink_to("nowhere")
    assert pinned_digests(store) == ()
    pin_manifest(store, NAME, model.digest)
    assert tree_of(store, model) == {SEVEN: model.manifest}


def test_a_pin_that_is_there_needs_neither_the_lock_nor_a_store_that_can_be_written(store: Path, model: Model) -> None:
    pin_manifest(store, NAME, model.digest)
    (store / ".jetson-deploy/lock").unlink()
    (store / ".jetson-deploy/lock").mkdir()  # whoever wants to hold it fails, root too
    pin_manifest(store, NAME, model.digest)
    assert pinned_digests(store) == (model.digest,)


def test_another_run_that_writes_the_store_is_waited_for(store: Path, model: Model) -> None:
    held = store_lock(prepare_store(store), wait_seconds=0, report=silent, stop=threading.Event())
    with held, pytest.raises(LockedError):
        pin_manifest(store, NAME, model.digest, lock_seconds=0)
    assert pinned_digests(store) == ()


def test_what_a_killed_run_left_unfinished_is_removed_by_the_next(store: Path, model: Model) -> None:
    paths = prepare_store(store)
    (paths.temporary / "pin-1-1/registry.ollama.ai").mkdir(parents=True)
    pin_manifest(store, NAME, model.digest)
    assert list(paths.temporary.iterdir()) == []


def test_a_store_without_pins_has_none(store: Path, model: Model) -> None:
    assert pinned_digests(store) == ()
    shutil.rmtree(store)
    assert pinned_digests(store) == ()


def test_what_is_pinned_is_told_by_name_and_whether_its_blobs_are_here(store: Path, model: Model) -> None:
    pin_manifest(store, NAME, model.digest)
    pin_manifest(store, LATEST, model.digest)
    put(store, small_model(seed=2))
    found = pinned_models(store)
    assert {(m.name, m.manifest_digest, m.missing_bytes) for m in found} == {
        (LATEST.short, model.digest, 0),
        (NAME.short, model.digest, 0),
    }
    assert {m.complete for m in found} == {False}  # nobody has hashed them yet
    verification = verify_store(StorePaths(store))
    record(StorePaths(store), verification, wait_seconds=0, stop=threading.Event())
    assert {m.complete for m in pinned_models(store)} == {True}
    blob_file(store, model.largest).unlink()
    assert {(m.complete, m.missing_bytes) for m in pinned_models(store)} == {(False, 300_000)}


def test_a_pinned_manifest_whose_tag_moved_everywhere_can_still_be_fetched(
    store: Path, registry: RegistryServer, fetch: Callable[..., FetchResult]
) -> None:
    """A rollback to it: its bytes are here, and blobs have no tags."""
    model = registry.add("library/deepseek-r1:7b", small_model())
    fetch()
    pin_manifest(store, NAME, model.digest)
    moved = registry.add("library/deepseek-r1:7b", small_model(seed=2))
    assert fetch().manifest_digest == moved.digest
    blob_file(store, model.largest).unlink()
    assert fetch(expected_digest=model.digest).manifest_digest == model.digest
    assert {m.complete for m in pinned_models(store)} == {True}
