"""Whatever somebody put under `manifests/`."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import msgspec
import pytest
from filled_store import SEVEN, put
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from registry_server import blob_file, small_model

from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.events import silent
from jetson_deploy.store.layout import StorePaths
from jetson_deploy.store.maintenance.collect import collect
from jetson_deploy.store.maintenance.verify import verify_store

GOOD = small_model(2_000)
_PARTS = st.sampled_from(["registry.ollama.ai", "library", "m", "latest", "..", "x y", "\x1b[2J", "\udce4", "a" * 90])
_CONTENTS = st.one_of(
    st.binary(max_size=200),
    st.just(GOOD.manifest),
    st.just(GOOD.manifest.replace(b"sha256:", b"sha256:../")),
    st.just(GOOD.manifest.replace(b'"size":2000', b'"size":9999999')),
    st.just(json.dumps({"schemaVersion": 2, "config": {}, "layers": [[]]}).encode()),
)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=20, deadline=None
)
@given(st.lists(st.tuples(st.lists(_PARTS, min_size=1, max_size=6), _CONTENTS), max_size=4))
def test_whatever_lies_under_manifests_no_blob_of_a_good_model_is_lost(
    tmp_path_factory: pytest.TempPathFactory, files: list[tuple[list[str], bytes]]
) -> None:
    store = tmp_path_factory.mktemp("any") / "store"
    put(store, GOOD)
    for parts, content in files:
        _write(store, parts, content)
    before = verify_store(StorePaths(store))
    assert msgspec.json.encode((before.findings, before.models))  # nothing in it that no document can hold
    try:
        collect(store, kept=None, min_age_seconds=0, dry_run=False, report=silent, stop=threading.Event())
    except JetsonDeployError as error:
        assert error.code == "manifest-damaged"
    assert {name: blob_file(store, name).read_bytes() for name in GOOD.blobs} == GOOD.blobs


def _write(store: Path, parts: list[str], content: bytes) -> None:
    """Below `manifests/`, unless the file system or an earlier file refuses; never over the good manifest."""
    path = Path(os.path.normpath(store / "manifests" / "/".join(parts)))
    if store / "manifests" not in path.parents or path == store / "manifests" / SEVEN:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError:
        return
