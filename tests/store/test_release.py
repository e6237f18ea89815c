"""Manifests that deployments need count as those of a tag do; and what becomes of their blobs when none does."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from filled_store import SEVEN, content_of, kept_manifest, model_of, put, rot, stray_blob
from holder import holding
from registry_server import Model, blob_file, small_model

from jetson_deploy.errors import IntegrityError, LockedError
from jetson_deploy.events import silent
from jetson_deploy.names import parse_model_name
from jetson_deploy.store.inventory import find_manifests
from jetson_deploy.store.layout import StorePaths, prepare_store
from jetson_deploy.store.lock import store_lock
from jetson_deploy.store.maintenance.collect import collect
from jetson_deploy.store.maintenance.release import Released, release
from jetson_deploy.store.maintenance.remove import take_out
from jetson_deploy.store.maintenance.repair import repair
from jetson_deploy.store.maintenance.verify import verify_store
from jetson_deploy.store.pinned import pin_manifest, pinned_digests

NAME = parse_model_name("deepseek-r1:7b")
SHARED, FIRST, SECOND = b"shared by all", b"first", b"second"


@pytest.fixture
def model(store: Path) -> Model:
    """Pinned; its tag means another one by now."""
    model = put(store, model_of(SHARED, FIRST))
    pin_manifest(store, NAME, model.digest)
    put(store, model_of(SHARED, SECOND))
    return model


def contents(store: Path) -> set[bytes]:
    return {path.read_bytes() for path in (store / "blobs").iterdir()}


def own(store: Path, directory: str) -> list[Path]:
    return list((store / ".jetson-deploy" / directory).iterdir())


def test_collect_leaves_a_pinned_manifest_and_its_blobs(store: Path, model: Model) -> None:
    stray_blob(store)
    collect(store, kept=frozenset(), min_age_seconds=0, dry_run=False, report=silent, stop=threading.Event())
    assert contents(store) == {SHARED, FIRST, SECOND}
    assert pinned_digests(store) == (model.digest,)


@pytest.mark.parametrize("damage", ["text", "empty"])
def test_nothing_is_collected_while_a_pinned_manifest_cannot_be_read(damage: str, store: Path, model: Model) -> None:
    pinned = store / ".jetson-deploy/pinned" / model.digest / SEVEN
    pinned.write_text("text") if damage == "text" else pinned.unlink()
    stray_blob(store)
    before = content_of(store)
    with pytest.raises(IntegrityError) as caught:
        collect(store, kept=frozenset(), min_age_seconds=0, dry_run=False, report=silent, stop=threading.Event())
    assert (caught.value.code, content_of(store)) == ("manifest-damaged", before)
    assert f".jetson-deploy/pinned/{model.digest}" in caught.value.message


def test_a_removed_model_leaves_what_its_pin_needs_and_says_so(store: Path, model: Model) -> None:
    put(store, model)
    found = take_out(store, NAME, dry_run=False, report=silent, stop=threading.Event())
    assert {item.why for item in found.kept} == {"a deployment's pinned manifest needs it"}
    assert "a deployment has it pinned" in found.notes[-1]
    assert contents(store) >= {SHARED, FIRST}
    assert find_manifests(StorePaths(store)) == ()


def test_a_blob_that_only_a_pin_needs_is_verified_too(store: Path, model: Model) -> None:
    assert verify_store(StorePaths(store)).all_right
    rot(blob_file(store, model_of(FIRST).largest))
    found = verify_store(StorePaths(store))
    assert [(f.kind, f.models) for f in found.findings] == [
        ("altered", (f"deepseek-r1:7b (pinned {model.digest[:12]})",))
    ]
    assert [m.whole for m in found.models] == [True, False]


def test_a_damaged_pin_is_told_and_mended_from_the_store_alone(store: Path, model: Model) -> None:
    paths = prepare_store(store)
    pinned = paths.pinned / model.digest / SEVEN
    pinned.write_text("text")
    found = verify_store(paths)
    assert [f.path for f in found.findings if not f.harmless] == [str(pinned.relative_to(store))]
    asked: list[object] = []

    def mend() -> list[str]:
        done = repair(
            paths,
            verify_store(paths),
            fetch=lambda *what: asked.append(what),
            pin=lambda name: None,
            report=silent,
            stop=threading.Event(),
        )
        return [failed.code for failed in done.failed]

    assert mend() == ["manifest-not-here"]
    paths.kept.mkdir()
    (paths.kept / model.digest).write_bytes(model.manifest)
    assert mend() == []
    assert (verify_store(paths).all_right, asked) == (True, [])


def test_a_pin_goes_with_the_blobs_that_only_it_needed(store: Path, model: Model) -> None:
    gone = release(store, pins=[model.digest, "0" * 64])
    assert gone == Released(manifests=(f"pinned/{model.digest}",), freed_bytes=len(FIRST))
    assert (contents(store), pinned_digests(store)) == ({SHARED, SECOND}, ())
    assert release(store, pins=[model.digest]) == Released()
    assert (own(store, "dropped"), own(store, "tmp")) == ([], [])


def test_a_damaged_pin_can_be_let_go(store: Path, model: Model) -> None:
    (store / ".jetson-deploy/pinned" / model.digest / SEVEN).write_text("text")
    assert release(store, pins=[model.digest]).manifests == (f"pinned/{model.digest}",)
    assert (contents(store), pinned_digests(store)) == ({SHARED, FIRST, SECOND}, ())


def test_a_kept_manifest_and_a_tag_go_likewise(store: Path) -> None:
    model = put(store, model_of(SHARED, FIRST))
    kept_manifest(store, model)
    put(store, model_of(SHARED, SECOND))
    assert release(store, kept=[model.digest]).freed_bytes == len(FIRST)
    assert release(store, models=[NAME]) == Released(manifests=(NAME.short,), freed_bytes=len(SHARED + SECOND))
    assert (contents(store), list((store / "manifests").iterdir())) == (set(), [])


def test_blobs_that_a_process_holds_go_when_it_has_ended(store: Path, model: Model) -> None:
    with holding("open", blob_file(store, model_of(FIRST).largest)) as pid:
        gone = release(store, pins=[model.digest])
        assert (gone.freed_bytes, pinned_digests(store)) == (0, ())
        assert f"(pid {pid})" in str(gone.waiting)
    assert release(store).freed_bytes == len(FIRST)
    assert contents(store) == {SHARED, SECOND}


def test_while_a_pull_of_ollama_runs_the_blobs_wait(store: Path, model: Model) -> None:
    partial = store / "blobs" / f"sha256-{'e' * 64}-partial"
    partial.touch()
    assert "pull of Ollama" in str(release(store, pins=[model.digest]).waiting)
    os.utime(partial, (time.time() - 86_400,) * 2)
    assert release(store).freed_bytes == len(FIRST)


def test_while_a_manifest_cannot_be_read_the_blobs_wait(store: Path, model: Model) -> None:
    other = store / "manifests/registry.ollama.ai/library/other/1"
    other.parent.mkdir()
    other.write_text("text")
    with pytest.raises(IntegrityError):
        release(store, pins=[model.digest])
    assert contents(store) == {SHARED, FIRST, SECOND}
    other.unlink()
    assert release(store).freed_bytes == len(FIRST)


def test_what_is_pinned_again_meanwhile_keeps_its_blobs(store: Path, model: Model) -> None:
    with holding("open", blob_file(store, model_of(FIRST).largest)):
        release(store, pins=[model.digest])
    put(store, model)
    pin_manifest(store, NAME, model.digest)
    assert release(store).freed_bytes == 0
    assert contents(store) >= {SHARED, FIRST}


def test_a_store_that_another_run_writes_is_left_to_it(store: Path, model: Model) -> None:
    held = store_lock(prepare_store(store), wait_seconds=0, report=silent, stop=threading.Event())
    with held, pytest.raises(LockedError):
        release(store, pins=[model.digest], lock_seconds=0)
    assert pinned_digests(store) == (model.digest,)


def test_nothing_is_written_where_there_is_nothing_to_do(store: Path) -> None:
    put(store, small_model())
    assert release(store, pins=["0" * 64], models=[parse_model_name("other:1")]) == Released()
    assert not (store / ".jetson-deploy").exists()


KILLED = """\
import os, sys
from pathlib import Path
from jetson_deploy.names import parse_model_name
from jetson_deploy.store.pinned import pin_manifest
from jetson_deploy.store.maintenance.release import release

store, verb, digest, moment = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
seen = 0

def hook(event, details):
    global seen
    if event in ("os.remove", "os.rmdir", "os.rename", "os.mkdir") or (event == "open" and details[1] == "xb"):
        seen += 1
        if seen == moment:
            os._exit(9)

name = parse_model_name("deepseek-r1:7b")
sys.addaudithook(hook)
if verb == "pin":
    pin_manifest(store, name, digest)
else:
    release(store, pins=[digest], kept=[digest], models=[name])
"""


def run_killed(store: Path, verb: str, digest: str, moment: int) -> int:
    command = [sys.executable, "-c", KILLED, str(store), verb, digest, str(moment)]
    return subprocess.run(command, check=False, timeout=30).returncode


def test_killed_at_any_change_a_pin_is_whole_or_not_there_and_the_rerun_completes(store: Path) -> None:
    model = put(store, model_of(SHARED, FIRST))
    moment, code = 0, 9
    while code == 9:
        moment += 1
        code = run_killed(store, "pin", model.digest, moment)
        trees = own(store, "pinned") if (store / ".jetson-deploy/pinned").exists() else []
        assert len(trees) == len(pinned_digests(store))
        if code == 9:
            pin_manifest(store, NAME, model.digest)
        assert pinned_digests(store) == (model.digest,)
        if code == 9:
            release(store, pins=[model.digest])
    assert (code, moment > 4) == (0, True)


def test_killed_at_any_change_the_next_run_lets_go_of_the_rest(store: Path) -> None:
    put(store, model_of(SHARED, SECOND), "registry.ollama.ai/library/other/1")
    moment, code = 0, 9
    while code == 9:
        moment += 1
        model = put(store, model_of(SHARED, FIRST))
        pin_manifest(store, NAME, model.digest)
        kept_manifest(store, model)
        put(store, model)
        code = run_killed(store, "let go", model.digest, moment)
        if pinned_digests(store) or find_manifests(StorePaths(store))[0].name == NAME:
            assert contents(store) == {SHARED, FIRST, SECOND}
        release(store, pins=[model.digest], kept=[model.digest], models=[NAME])
        assert contents(store) == {SHARED, SECOND}, moment
        assert (own(store, "dropped"), own(store, "pinned"), own(store, "kept")) == ([], [], [])
    assert (code, moment > 6) == (0, True)
