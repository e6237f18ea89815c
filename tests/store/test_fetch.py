"""Fetching a model: what arrives, in which order, and what is never fetched twice."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from registry_server import Fault, Model, RegistryServer, assert_whole, blob_file, serving, small_model

from jetson_deploy import __version__
from jetson_deploy.errors import (
    IntegrityError,
    InterruptedRunError,
    NetworkError,
    ResourceError,
    UsageError,
)
from jetson_deploy.events import Event, Note, Progress
from jetson_deploy.store.fetch import FetchResult
from jetson_deploy.store.inventory import read_models

Fetch = Callable[..., FetchResult]


def test_a_model_arrives_whole_and_in_ollamas_layout(fetch: Fetch, store: Path, model: Model) -> None:
    result = fetch(expected_digest=model.digest)
    assert result == FetchResult(manifest_digest=model.digest, fetched_bytes=model.size, reused_bytes=0, was_here=False)
    assert_whole(store, model)
    assert sorted(p.name for p in store.iterdir()) == [".jetson-deploy", "blobs", "manifests"]
    assert len(list((store / "blobs").iterdir())) == len(model.blobs)


def test_files_are_readable_for_the_server_whatever_the_umask(fetch: Fetch, store: Path, model: Model) -> None:
    before = os.umask(0o077)
    try:
        fetch()
    finally:
        os.umask(before)
    for path in [*store.rglob("*")]:
        if ".jetson-deploy" not in path.parts or path.is_dir():
            mode = stat.S_IMODE(path.stat().st_mode)
            assert mode == (0o755 if path.is_dir() else 0o644), path


def test_the_registry_is_asked_as_it_expects(fetch: Fetch, registry: RegistryServer, model: Model) -> None:
    fetch()
    assert registry.seen[0] == "/v2/library/deepseek-r1/manifests/7b"
    assert registry.headers[0]["Accept"].startswith("application/vnd.docker.distribution.manifest.v2+json, ")
    assert all(h["User-Agent"] == f"jetson-deploy/{__version__}" for h in registry.headers)
    assert registry.blob_requests()[-1] == model.largest


@pytest.mark.fault("F12")
def test_a_second_fetch_with_the_pinned_digest_asks_nobody(
    fetch: Fetch, registry: RegistryServer, model: Model
) -> None:
    fetch(expected_digest=model.digest)
    registry.seen.clear()
    result = fetch(expected_digest=model.digest)
    assert registry.seen == []
    assert (result.fetched_bytes, result.reused_bytes) == (0, model.size)


def test_a_second_fetch_without_a_pin_asks_for_the_manifest_alone(
    fetch: Fetch, registry: RegistryServer, model: Model
) -> None:
    fetch()
    registry.seen.clear()
    fetch()
    assert len(registry.seen) == 1


def test_blobs_that_another_model_brought_are_used(fetch: Fetch, registry: RegistryServer, model: Model) -> None:
    other = registry.add("library/deepseek-r1:8b", small_model(seed=2))
    fetch()
    registry.seen.clear()
    result = fetch("deepseek-r1:8b")
    assert registry.blob_requests() == [other.largest]
    assert result.reused_bytes == other.size - len(other.blobs[other.largest])


def test_a_store_that_something_else_filled_is_hashed_once(
    fetch: Fetch, store: Path, model: Model, events: list[Event]
) -> None:
    (store / "blobs").mkdir(parents=True)
    for digest, content in model.blobs.items():
        blob_file(store, digest).write_bytes(content)
    assert fetch().fetched_bytes == 0
    assert any(isinstance(e, Progress) and e.phase == "verifying" for e in events)
    events.clear()
    assert fetch().fetched_bytes == 0
    assert not any(isinstance(e, Progress) and e.phase == "verifying" for e in events)


@pytest.mark.parametrize("damage", ["flipped", "short", "long", "empty"])
def test_a_damaged_blob_is_replaced_and_the_others_stay(
    damage: str, fetch: Fetch, store: Path, registry: RegistryServer, model: Model, events: list[Event]
) -> None:
    fetch(expected_digest=model.digest)
    victim = blob_file(store, model.largest)
    good = victim.read_bytes()
    spoilt = {"flipped": b"x" + good[1:], "short": good[:-1], "long": good + b"x", "empty": b""}[damage]
    victim.write_bytes(spoilt)
    registry.seen.clear()
    result = fetch(expected_digest=model.digest)
    assert registry.blob_requests() == [model.largest]
    assert result.fetched_bytes == len(good)
    assert_whole(store, model)
    assert any(isinstance(e, Note) and model.largest[7:] in e.text for e in events)


def test_a_touched_blob_is_hashed_again_and_not_fetched(
    fetch: Fetch, store: Path, registry: RegistryServer, model: Model
) -> None:
    fetch(expected_digest=model.digest)
    os.utime(blob_file(store, model.largest), (1, 1))
    registry.seen.clear()
    assert fetch(expected_digest=model.digest).fetched_bytes == 0
    assert registry.seen == []


@pytest.mark.parametrize("record", [b"", b"{", b"[]", b'{"version":1,"blobs":{"x":1}}', b'{"version":9,"blobs":{}}'])
def test_a_damaged_record_of_verified_blobs_means_hashing_again(
    record: bytes, fetch: Fetch, store: Path, model: Model
) -> None:
    fetch(expected_digest=model.digest)
    (store / ".jetson-deploy" / "verified.json").write_bytes(record)
    assert fetch(expected_digest=model.digest).reused_bytes == model.size


def test_the_manifest_comes_last(fetch: Fetch, store: Path, registry: RegistryServer, model: Model) -> None:
    registry.faults.append(Fault("status", path=model.largest, code=404))
    with pytest.raises(Exception, match="does not have"):
        fetch()
    assert list((store / "manifests").iterdir()) == []
    assert len(list((store / "blobs").iterdir())) == len(model.blobs) - 1
    registry.faults.clear()
    assert fetch().fetched_bytes == len(model.blobs[model.largest])


def test_a_moved_tag_is_refused_and_both_digests_are_named(
    fetch: Fetch, store: Path, registry: RegistryServer, model: Model
) -> None:
    pinned = "1" * 64
    with pytest.raises(IntegrityError) as caught:
        fetch(expected_digest=pinned)
    assert caught.value.code == "model-tag-moved"
    assert pinned in caught.value.message
    assert model.digest in caught.value.message
    assert registry.blob_requests() == []
    assert read_models(store) == ()


def test_a_tag_that_moved_to_our_pin_replaces_the_old_manifest(
    fetch: Fetch, store: Path, registry: RegistryServer, model: Model
) -> None:
    fetch()
    newer = registry.add("library/deepseek-r1:7b", small_model(seed=3))
    fetch(expected_digest=newer.digest)
    assert_whole(store, newer)


def test_a_name_with_a_host_lies_under_that_host(
    fetch: Fetch, store: Path, registry: RegistryServer, model: Model
) -> None:
    host = registry.url.removeprefix("http://")
    fetch(f"{host}/library/deepseek-r1:7b")
    assert_whole(store, model, f"{host}/library/deepseek-r1/7b")


def test_a_redirect_to_another_server_is_followed(
    fetch: Fetch, store: Path, registry: RegistryServer, model: Model
) -> None:
    with serving(RegistryServer(blobs=dict(model.blobs))) as other:
        registry.blobs.clear()
        registry.faults.append(Fault("redirect", path="/blobs/", to=other.url))
        fetch()
        assert len(other.blob_requests()) == len(model.blobs)
    assert_whole(store, model)


def test_a_blob_without_an_announced_length_arrives_too(
    fetch: Fetch, store: Path, registry: RegistryServer, model: Model
) -> None:
    registry.faults.append(Fault("unannounced", path="/blobs/"))
    fetch()
    assert_whole(store, model)


def test_an_empty_layer_is_a_blob_like_others(fetch: Fetch, store: Path, registry: RegistryServer) -> None:
    empty = registry.add("library/deepseek-r1:7b", small_model(weights_bytes=0))
    fetch()
    assert_whole(store, empty)


def test_progress_counts_to_the_total_and_is_told_seldom(
    fetch: Fetch, registry: RegistryServer, events: list[Event]
) -> None:
    big = registry.add("library/deepseek-r1:7b", small_model(weights_bytes=8_000_000))
    ticks = iter(range(1_000_000))
    fetch(clock=lambda: next(ticks) * 0.01)
    told = [e for e in events if isinstance(e, Progress)]
    assert {e.item for e in told} == {"model deepseek-r1:7b"}
    assert {e.total_bytes for e in told} == {big.size}
    assert (told[0].done_bytes, told[-1].done_bytes) == (0, big.size)
    chunks = big.size / 65536
    assert len(told) < chunks / 4


def test_too_little_room_is_told_before_the_first_byte(
    fetch: Fetch, store: Path, registry: RegistryServer, model: Model
) -> None:
    size = 3 << 40
    registry.manifests["library/deepseek-r1:7b"] = model.manifest.replace(b'"size":300000', b'"size":%d' % size)
    with pytest.raises(ResourceError) as caught:
        fetch()
    assert caught.value.code == "disk-full"
    assert str(size + model.size - 300000) in caught.value.message
    assert registry.blob_requests() == []


def test_a_stop_before_the_start_changes_nothing(fetch: Fetch, registry: RegistryServer, model: Model) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(InterruptedRunError) as caught:
        fetch(stop=stop)
    assert caught.value.exit_code == 130
    assert registry.seen == []


@pytest.mark.parametrize("changed", [{"expected_digest": "12"}, {"registry": "ftp://x"}])
def test_bad_arguments_are_refused_before_anything_is_written(
    changed: dict[str, Any], fetch: Fetch, store: Path
) -> None:
    with pytest.raises(UsageError):
        fetch(**changed)
    assert not store.exists()


def test_a_name_of_another_host_is_not_taken_from_the_default_registry(
    fetch: Fetch, registry: RegistryServer, model: Model
) -> None:
    with pytest.raises(NetworkError) as caught:
        fetch("127.0.0.1:1/library/deepseek-r1:7b")
    assert caught.value.message.startswith("cannot reach 127.0.0.1:1: ")
    assert registry.seen == []


def test_a_proxy_of_the_environment_is_used(registry: RegistryServer, store: Path, model: Model) -> None:
    script = (
        "import threading, pathlib, sys; from jetson_deploy.store.fetch import fetch_model;"
        "from jetson_deploy.names import parse_model_name as name;"
        "fetch_model(name('deepseek-r1:7b'), store=pathlib.Path(sys.argv[1]), registry='http://registry.invalid',"
        "expected_digest=sys.argv[2], report=lambda e: None, stop=threading.Event())"
    )
    environment = {"PATH": os.environ["PATH"], "http_proxy": registry.url}
    subprocess.run([sys.executable, "-c", script, store, model.digest], env=environment, check=True, timeout=60)
    assert registry.seen[0] == "http://registry.invalid/v2/library/deepseek-r1/manifests/7b"
    assert_whole(store, model)


def test_listing_a_store_does_not_load_the_http_library() -> None:
    modules = "jetson_deploy.store.inventory, jetson_deploy.store.maintenance.remove"
    script = f"import sys, {modules}; print('requests' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "False"
