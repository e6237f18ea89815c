"""A manifest without layers, as a failed create of Ollama leaves it, holds nothing up; a damaged one has a way out."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from bundles import jetson_deploy
from filled_store import SEVEN, kept_manifest, put, stray_blob
from registry_server import MANIFEST_TYPE, blob_file, digest_of, small_model

from jetson_deploy.errors import IntegrityError
from jetson_deploy.events import silent
from jetson_deploy.names import parse_model_name
from jetson_deploy.store.layout import StorePaths
from jetson_deploy.store.maintenance.collect import Collected, collect
from jetson_deploy.store.maintenance.release import release
from jetson_deploy.store.maintenance.remove import take_out

CONFIG = b'{"model_format":"","model_family":"","rootfs":{"type":"layers","diff_ids":null}}'
NAMED = parse_model_name("broken:latest")
WITHOUT_LAYERS: dict[str, object] = {"null": None, "an empty list": []}


def put_without_layers(store: Path, layers: object = None) -> Path:
    entry = {
        "mediaType": "application/vnd.docker.container.image.v1+json",
        "digest": digest_of(CONFIG),
        "size": len(CONFIG),
    }
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": entry, "layers": layers}
    path = StorePaths(store).manifest(NAMED)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(manifest))
    (store / "blobs").mkdir(exist_ok=True)
    blob_file(store, digest_of(CONFIG)).write_bytes(CONFIG)
    return path


def collected(store: Path) -> Collected:
    stop = threading.Event()
    return collect(store, kept=frozenset(), min_age_seconds=0, dry_run=False, report=silent, stop=stop)


@pytest.mark.parametrize("layers", WITHOUT_LAYERS)
def test_prune_goes_on_beside_it_and_keeps_what_it_names(store: Path, layers: str) -> None:
    put(store, small_model())
    path, stray = put_without_layers(store, WITHOUT_LAYERS[layers]), stray_blob(store)
    found = collected(store)
    assert [item.path for item in found.removed] == [f"blobs/{stray.name}"]
    assert path.exists()
    assert blob_file(store, digest_of(CONFIG)).exists()
    assert any("broken/latest: it lists no layers" in note for note in found.notes)
    assert any("jetson-deploy model remove broken:latest takes it away" in note for note in found.notes)


def test_the_clean_up_after_a_commit_and_a_purge_take_away_beside_it_what_they_would(store: Path) -> None:
    model = put(store, small_model())
    put_without_layers(store)
    gone = release(store, models=[parse_model_name("deepseek-r1:7b")])
    assert (gone.waiting, gone.freed_bytes) == (None, sum(len(content) for content in model.blobs.values()))
    assert [path.name for path in (store / "blobs").iterdir()] == [digest_of(CONFIG).replace(":", "-")]


def test_one_that_was_replaced_under_its_tag_holds_nothing_up_either(store: Path) -> None:
    put(store, small_model(seed=2), "registry.ollama.ai/own/m/1")
    raw = put_without_layers(store).read_bytes()
    kept = kept_manifest(store, put(store, small_model()))
    (kept.parent / digest_of(raw).removeprefix("sha256:")).write_bytes(raw)
    put(store, small_model())
    assert release(store, models=[parse_model_name("own/m:1")]).waiting is None


def test_another_model_is_removed_with_its_blobs_and_the_broken_one_after_it(store: Path) -> None:
    put(store, small_model())
    put_without_layers(store)
    stop = threading.Event()
    removed = take_out(store, parse_model_name("deepseek-r1:7b"), dry_run=False, report=silent, stop=stop)
    assert (removed.kept, len(removed.removed)) == ((), 6)
    assert jetson_deploy("model", "remove", "broken", "--store", store).code == 0
    assert not StorePaths(store).manifest(NAMED).exists()


def test_the_list_names_it_and_the_command_that_takes_it_away(store: Path) -> None:
    put_without_layers(store)
    listed = jetson_deploy("model", "list", "--store", store)
    assert "it lists no layers" in listed.out
    assert "jetson-deploy model remove broken:latest takes it away" in listed.out


@pytest.mark.parametrize("name", [".DS_Store", "._7b"])
def test_the_files_of_a_mac_beside_the_manifests_hold_nothing_up(store: Path, name: str) -> None:
    put(store, small_model())
    (store / "manifests" / SEVEN).with_name(name).write_bytes(b"\0\x05\x16\x07\0\2\0\0Mac OS X")
    stray = stray_blob(store)
    assert [item.path for item in collected(store).removed] == [f"blobs/{stray.name}"]


DAMAGED = {
    "empty, as a power cut leaves it": b"",
    "cut": b'{"schemaVersion":2,"config":{"digest":"sha256:',
    "a layer too few": b'{"schemaVersion":2}',
    "a config without a digest": b'{"schemaVersion":2,"config":{"digest":"","size":0},"layers":null}',
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_manifest_still_stops_prune_and_the_message_names_model_remove(store: Path, damage: str) -> None:
    """Which blobs it needed nothing tells."""
    put(store, small_model())
    (store / "manifests" / SEVEN).with_name("8b").write_bytes(DAMAGED[damage])
    with pytest.raises(IntegrityError) as refused:
        collected(store)
    assert refused.value.code == "manifest-damaged"
    assert "jetson-deploy model remove deepseek-r1:8b takes it away" in refused.value.hint
