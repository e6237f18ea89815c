"""What is removed from a store, and all that is not."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from filled_store import A_DAY, DAMAGES, content_of, kept_manifest, put, stray_blob
from holder import holding
from registry_server import Model, small_model

from jetson_deploy.errors import IntegrityError, LockedError, PreflightError
from jetson_deploy.events import silent
from jetson_deploy.store.layout import prepare_store
from jetson_deploy.store.lock import store_lock
from jetson_deploy.store.maintenance.collect import Collected, collect
from jetson_deploy.store.maintenance.in_use import file_id, find_holders


@pytest.fixture
def model(store: Path) -> Model:
    return put(store, small_model())


def run(store: Path, **changed: Any) -> Collected:
    """As a day later."""
    options: dict[str, Any] = {
        "kept": frozenset(),
        "dry_run": False,
        "report": silent,
        "stop": threading.Event(),
        "now": lambda: time.time() + A_DAY,
        "lock_seconds": 0.0,
    }
    return collect(store, **(options | changed))


def old(path: Path) -> Path:
    os.utime(path, (time.time() - A_DAY,) * 2)
    return path


def test_only_blobs_that_no_manifest_names_go(store: Path, model: Model) -> None:
    put(store, small_model(seed=2), "registry.example:5000/team/m/latest")
    before = content_of(store)
    stray = stray_blob(store)
    found = run(store)
    assert [item.path for item in found.removed] == [f"blobs/{stray.name}"]
    assert (found.result, found.freed_bytes) == ("done", len(b"nobody needs this"))
    assert content_of(store) == before
    assert run(store).result == "no-changes"


def test_a_dry_run_shows_the_same_and_changes_nothing(store: Path, model: Model) -> None:
    stray_blob(store)
    before = content_of(store)
    shown = run(store, dry_run=True)
    assert shown.result == "dry-run"
    assert content_of(store) == before
    assert not (store / ".jetson-deploy").exists()
    assert run(store).removed == shown.removed


def test_files_that_are_no_blobs_are_foreign_and_not_touched(store: Path, model: Model) -> None:
    blobs = store / "blobs"
    (blobs / "README").touch()
    (blobs / f"sha256-{'a' * 63}").touch()
    (blobs / f"sha256-{'A' * 64}").touch()
    (blobs / f"sha256-{'b' * 64}").mkdir()
    (blobs / f"sha256-{'c' * 64}").symlink_to("README")
    os.mkfifo(blobs / f"sha256-{'d' * 64}")
    (blobs / "\x1b[2J").touch()
    before = sorted(blobs.iterdir())
    found = run(store, min_age_seconds=0)
    assert sorted(blobs.iterdir()) == before
    assert len(found.foreign) == 7
    assert all(name.isprintable() for name in found.foreign)


def test_what_is_younger_than_the_given_age_stays(store: Path, model: Model) -> None:
    """A pull of Ollama's own puts its blobs here before their manifest."""
    stray = old(stray_blob(store))  # a copy brings its old time stamp along, the time of its name it does not
    found = run(store, now=time.time)
    assert (found.removed, [item.path for item in found.kept]) == ((), [f"blobs/{stray.name}"])
    assert "younger than 3600 s" in found.kept[0].why
    assert run(store, now=time.time, min_age_seconds=0).freed_bytes


@pytest.mark.fault("F21")
def test_while_the_clock_is_wrong_nothing_is_old(store: Path, model: Model) -> None:
    stray_blob(store)
    found = run(store, now=lambda: 0.0)
    assert found.removed == ()
    assert "the clock was or is wrong" in found.kept[0].why


def test_while_a_pull_of_ollama_runs_no_blob_goes(store: Path, model: Model) -> None:
    """Blobs that it found here, however old, are needed by a manifest that comes last."""
    stray = stray_blob(store)
    partial = store / "blobs" / f"sha256-{'e' * 64}-partial"
    partial.touch()
    later = time.time() + A_DAY
    os.utime(partial, (later, later))
    found = run(store, now=lambda: later + 60)
    assert stray.exists()
    assert "a pull of Ollama seems to run" in found.kept[0].why
    assert run(store, now=lambda: later + A_DAY).freed_bytes


@pytest.mark.parametrize("damage", [*(d for d in DAMAGES if d != "missing"), "text", "not a model"])
def test_nothing_goes_while_a_manifest_cannot_be_read(damage: str, store: Path, model: Model) -> None:
    other = store / "manifests" / "registry.ollama.ai/library/other/1"
    put(store, small_model(seed=2), "registry.ollama.ai/library/other/1")
    if damage in DAMAGES:
        DAMAGES[damage][0](other)
    else:
        other.write_text("text" if damage == "text" else model.manifest.decode().replace("ollama.image", "x"))
    before = content_of(store)
    with pytest.raises(IntegrityError) as caught:
        run(store, min_age_seconds=0)
    assert (caught.value.exit_code, caught.value.code) == (5, "manifest-damaged")
    assert "manifests/registry.ollama.ai/library/other/1" in caught.value.message
    assert content_of(store) == before


@pytest.mark.parametrize("all_are_meant", [True, False])
def test_blobs_of_a_revision_that_a_deployment_names_stay(all_are_meant: bool, store: Path, model: Model) -> None:
    kept_manifest(store, model)
    found = run(store, kept=None if all_are_meant else frozenset({model.digest}))
    assert found.removed == ()
    assert len(list((store / "blobs").iterdir())) == len(model.blobs)


def test_a_revision_that_no_deployment_names_goes_with_its_blobs(store: Path, model: Model) -> None:
    kept = kept_manifest(store, model)
    found = run(store, kept=frozenset({"0" * 64}))
    assert found.removed[0].path == f".jetson-deploy/kept/{model.digest}"
    assert not kept.exists()
    assert list((store / "blobs").iterdir()) == []


@pytest.mark.parametrize("content", [b"{}", small_model(seed=2).manifest])
def test_nothing_goes_while_the_manifest_of_a_revision_cannot_be_read(
    content: bytes, store: Path, model: Model
) -> None:
    kept_manifest(store, model).write_bytes(content)
    with pytest.raises(IntegrityError):
        run(store, kept=frozenset({model.digest}))
    assert len(list((store / "blobs").iterdir())) == len(model.blobs)


def test_an_old_download_goes_and_a_young_one_stays(store: Path, model: Model) -> None:
    partial = prepare_store(store).partial
    for letter in "ab":
        (partial / f"{letter * 64}.data").write_bytes(b"half")
        (partial / f"{letter * 64}.journal").write_bytes(b"")
    (partial / "of somebody else").touch()
    later = time.time() + A_DAY
    os.utime(partial / f"{'b' * 64}.journal", (later, later))
    found = run(store, now=lambda: later + 60)
    assert [item.path for item in found.removed] == [f".jetson-deploy/partial/{'a' * 64}.data"]
    left = {f"{'b' * 64}.data", f"{'b' * 64}.journal", "of somebody else"}
    assert {path.name for path in partial.iterdir()} == left


@pytest.mark.parametrize("how", ["open", "mapped", "named"])
def test_a_blob_that_a_process_holds_stays_until_it_ends(how: str, store: Path, model: Model) -> None:
    stray = stray_blob(store)
    with holding(how, stray) as pid:
        found = run(store)
        assert stray.exists()
        assert f"(pid {pid}) {'was started with it' if how == 'named' else 'has it open'}" in found.kept[0].why
    assert run(store).freed_bytes
    assert not stray.exists()


def test_a_store_that_another_run_writes_is_left_to_it(store: Path, model: Model) -> None:
    stray = stray_blob(store)
    held = store_lock(prepare_store(store), wait_seconds=0, report=silent, stop=threading.Event())
    with held, pytest.raises(LockedError) as caught:
        run(store)
    assert caught.value.exit_code == 75
    assert stray.exists()


@pytest.mark.parametrize("missing", ["store", "manifests"])
def test_blobs_without_manifests_beside_them_are_no_store(missing: str, store: Path) -> None:
    if missing == "manifests":
        (store / "blobs").mkdir(parents=True)
        stray_blob(store)
    with pytest.raises(PreflightError) as caught:
        run(store)
    assert caught.value.code == "store-not-there"


def test_a_process_that_was_started_with_a_blob_of_the_same_name_in_another_store_needs_nothing_here(
    tmp_path: Path,
) -> None:
    here, there = (tmp_path / name / f"sha256-{'a' * 64}" for name in ("here", "there"))
    for path in (here, there):
        path.parent.mkdir()
        path.write_bytes(b"x")
    wanted = {file_id(here.stat()): here.name}
    with holding("named", there):
        assert not find_holders(wanted).holders
    with holding("named", here):
        assert find_holders(wanted).holders
