"""What a store holds, read from whatever lies there."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from registry_server import Model, RegistryServer, small_model

from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.facts import ModelFacts
from jetson_deploy.names import parse_model_name
from jetson_deploy.store.fetch import FetchResult
from jetson_deploy.store.inventory import read_models
from jetson_deploy.store.layout import make_directories
from jetson_deploy.store.maintenance.remove import remove_model

Fetch = Callable[..., FetchResult]
LIBRARY = "manifests/registry.ollama.ai/library"


def put(store: Path, path: str, model: Model) -> None:
    """A model written by hand, as another tool would."""
    manifest = store / "manifests" / path
    make_directories(manifest.parent)
    make_directories(store / "blobs")
    manifest.write_bytes(model.manifest)
    for digest, content in model.blobs.items():
        (store / "blobs" / digest.replace(":", "-")).write_bytes(content)


def test_a_fetched_model_is_complete_with_digest_and_size(fetch: Fetch, store: Path, model: Model) -> None:
    fetch()
    assert read_models(store) == (
        ModelFacts(
            name="deepseek-r1:7b",
            manifest_digest=model.digest,
            complete=True,
            size_bytes=model.size,
            weights=model.largest,
            template="sha256:c5ad996bda6eed4df6e3b605a9869647624851ac248209d22fd5e2c0cc1121d3",
            parameters="sha256:f4d24e9138dd4603380add165d2b0d970bef471fac194b436ebd50e6147c6588",
        ),
    )


def test_a_model_that_another_tool_put_there_has_yet_to_be_hashed(
    fetch: Fetch, store: Path, registry: RegistryServer, model: Model
) -> None:
    put(store, "registry.ollama.ai/library/deepseek-r1/7b", model)
    assert [(m.complete, m.missing_bytes) for m in read_models(store)] == [(False, 0)]
    registry.manifests.clear()  # the pinned manifest is here: the registry is not needed
    assert fetch(expected_digest=model.digest).fetched_bytes == 0
    assert [m.complete for m in read_models(store)] == [True]


def test_a_blob_that_was_changed_behind_our_back_makes_the_model_incomplete(
    fetch: Fetch, store: Path, model: Model
) -> None:
    fetch()
    blob = store / "blobs" / model.largest.replace(":", "-")
    blob.write_bytes(b"x" * blob.stat().st_size)
    assert [(m.complete, m.missing_bytes) for m in read_models(store)] == [(False, 0)]


def test_models_of_other_hosts_carry_their_host(tmp_path: Path) -> None:
    put(tmp_path, "registry.ollama.ai/someone/m/latest", small_model())
    put(tmp_path, "localhost:5000/library/m/1", small_model())
    assert [m.name for m in read_models(tmp_path)] == ["localhost:5000/library/m:1", "someone/m:latest"]


@pytest.mark.parametrize("damage", ["missing", "short", "long", "directory", "dangling"])
def test_a_model_without_a_whole_blob_is_incomplete_by_that_many_bytes(damage: str, tmp_path: Path) -> None:
    model = small_model()
    put(tmp_path, "registry.ollama.ai/library/deepseek-r1/7b", model)
    blob = tmp_path / "blobs" / model.largest.replace(":", "-")
    content = blob.read_bytes()
    blob.unlink()
    if damage in ("short", "long"):
        blob.write_bytes(content[:-1] if damage == "short" else content + b"x")
    if damage == "directory":
        blob.mkdir()
    if damage == "dangling":
        blob.symlink_to("nowhere")
    found = read_models(tmp_path)[0]
    assert (found.complete, found.missing_bytes) == (False, len(content))


def test_what_is_no_manifest_is_passed_over(tmp_path: Path) -> None:
    put(tmp_path, "registry.ollama.ai/library/deepseek-r1/7b", small_model())
    library = tmp_path / LIBRARY / "deepseek-r1"
    (library / "broken").write_text("{")
    (library / "empty").touch()
    (library / "huge").write_bytes(b" " * (5 << 20))
    (library / "dangling").symlink_to("nowhere")
    (library / "loop").symlink_to("loop")
    (library / "directory").mkdir()
    (library / "-odd name").write_bytes(small_model().manifest)
    (tmp_path / "manifests" / "stray").touch()
    os.mkfifo(library / "fifo")
    assert [m.name for m in read_models(tmp_path)] == ["deepseek-r1:7b"]


@pytest.mark.parametrize("kind", ["absent", "file", "empty"])
def test_a_store_that_is_none_holds_nothing(kind: str, tmp_path: Path) -> None:
    store = tmp_path / "models"
    if kind == "file":
        store.touch()
    if kind == "empty":
        store.mkdir()
    assert read_models(store) == ()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=60)
@given(st.binary(max_size=300))
def test_any_bytes_as_a_manifest_are_read_without_a_traceback(tmp_path: Path, raw: bytes) -> None:
    directory = tmp_path / LIBRARY / "m"
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "1").write_bytes(raw)
    assert read_models(tmp_path) == ()


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=40, deadline=None
)
@given(st.binary(max_size=300) | st.sampled_from([b'"sha256:../../../../outside"', b'{"schemaVersion":2}']))
def test_any_served_manifest_leaves_everything_outside_the_store_alone(
    fetch: Fetch, registry: RegistryServer, store: Path, tmp_path: Path, raw: bytes
) -> None:
    registry.manifests["library/deepseek-r1:7b"] = raw
    with pytest.raises(JetsonDeployError):
        fetch()
    assert [p.name for p in tmp_path.iterdir()] == [store.name]
    assert list((store / "blobs").iterdir()) == list((store / "manifests").iterdir()) == []


def test_a_removed_model_leaves_the_blobs_that_others_need(fetch: Fetch, store: Path, registry: RegistryServer) -> None:
    first = registry.add("library/deepseek-r1:7b", small_model())
    second = registry.add("library/deepseek-r1:8b", small_model(seed=2))
    fetch()
    fetch("deepseek-r1:8b")
    freed = remove_model(store, parse_model_name("deepseek-r1:7b"))
    assert freed == len(first.blobs[first.largest])
    assert [(m.name, m.complete) for m in read_models(store)] == [("deepseek-r1:8b", True)]
    assert remove_model(store, parse_model_name("deepseek-r1:8b")) == second.size
    assert list((store / "blobs").iterdir()) == list((store / "manifests").iterdir()) == []


def test_nothing_but_the_manifest_goes_while_another_cannot_be_read(
    fetch: Fetch, store: Path, registry: RegistryServer, model: Model
) -> None:
    fetch()
    (store / LIBRARY / "deepseek-r1" / "8b").write_text("damaged")
    assert remove_model(store, parse_model_name("deepseek-r1:7b")) == 0
    assert len(list((store / "blobs").iterdir())) == len(model.blobs)


def test_removing_what_is_not_there_changes_nothing(tmp_path: Path) -> None:
    assert remove_model(tmp_path / "models", parse_model_name("deepseek-r1:7b")) is None
    assert list(tmp_path.iterdir()) == []
