"""Manifests: the real ones of DeepSeek-R1 byte for byte, and everything that only looks like one."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from registry_server import small_model

from jetson_deploy.errors import IntegrityError
from jetson_deploy.store.manifest import MANIFEST_BYTES, manifest_digest, parse_manifest

MANIFESTS = Path(__file__).parents[1] / "data" / "manifests"
# Ids as `ollama list` shows them and download sizes as published; known from users' listings.
PUBLISHED = {
    "deepseek-r1_1.5b_2025-05": ("e0979632db5a", 1_117_322_768),
    "deepseek-r1_7b_2025-05": ("755ced02ce7b", 4_683_075_440),
    "deepseek-r1_8b-0528_2025-05": ("6995872bfe4c", 5_225_376_047),
    "deepseek-r1_14b_2025-05": ("c333b7232bdb", 8_988_112_209),
    "deepseek-r1_32b_2025-05": ("edba8017331d", 19_851_337_809),
    "deepseek-r1_70b_2025-05": ("d37b54d01a76", 42_520_397_873),
    "deepseek-r1_1.5b_2025-01": ("a42b25d8c10a", None),
    "deepseek-r1_7b_2025-01": ("0a8c26691023", None),
    "deepseek-r1_8b-llama_2025-01": ("28f8fd6cdc67", 4_920_738_407),
    "deepseek-r1_14b_2025-01": ("ea35dfe18182", None),
    "deepseek-r1_32b_2025-01": ("38056bbcbb2d", None),
    "deepseek-r1_70b_2025-01": ("0c1615a8ca32", None),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_real_manifest_has_the_published_id_and_size(name: str) -> None:
    raw = (MANIFESTS / f"{name}.json").read_bytes()
    identity, size = PUBLISHED[name]
    manifest = parse_manifest(raw, name)
    assert manifest_digest(raw)[:12] == identity
    assert len(manifest.blobs) == 5
    if size is not None:
        assert manifest.total_bytes == size


def test_the_small_blobs_of_the_real_manifests_are_what_their_names_say() -> None:
    files = list((MANIFESTS / "blobs").iterdir())
    assert len(files) == 12
    for path in files:
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name.removeprefix("sha256-")


def test_small_blobs_come_first() -> None:
    raw = (MANIFESTS / "deepseek-r1_7b_2025-05.json").read_bytes()
    sizes = [blob.size for blob in parse_manifest(raw, "x").blobs]
    assert sizes == sorted(sizes)


GOOD: dict[str, Any] = json.loads(small_model(1000).manifest)
LAYER = GOOD["layers"][0]
WRONG: dict[str, Any] = {
    "another-schema": GOOD | {"schemaVersion": 1},
    "a-list-of-manifests": {"schemaVersion": 2, "manifests": []},
    "an-unknown-media-type": GOOD | {"mediaType": "text/html"},
    "no-layers": GOOD | {"layers": []},
    "null-layers": GOOD | {"layers": None},
    "no-config": {k: v for k, v in GOOD.items() if k != "config"},
    "a-negative-size": GOOD | {"layers": [LAYER | {"size": -1}]},
    "a-size-of-true": GOOD | {"layers": [LAYER | {"size": True}]},
    "a-fraction-as-size": GOOD | {"layers": [LAYER | {"size": 1.5}]},
    "a-huge-size": GOOD | {"layers": [LAYER | {"size": 1 << 60}]},
    "a-monstrous-size": GOOD | {"layers": [LAYER | {"size": 10**400}]},
    "a-huge-sum": GOOD | {"layers": [LAYER | {"size": 3 << 40, "digest": "sha256:" + d * 64} for d in "12"]},
    "two-sizes-of-one-digest": GOOD | {"layers": [LAYER, LAYER | {"size": 1}]},
    "a-path-as-digest": GOOD | {"layers": [LAYER | {"digest": "sha256:../../../etc/passwd"}]},
    "a-digest-with-a-tail": GOOD | {"layers": [LAYER | {"digest": LAYER["digest"] + "/../x"}]},
    "a-digest-with-a-newline": GOOD | {"layers": [LAYER | {"digest": LAYER["digest"] + "\n"}]},
    "an-upper-case-digest": GOOD | {"layers": [LAYER | {"digest": "sha256:" + "A" * 64}]},
    "another-algorithm": GOOD | {"layers": [LAYER | {"digest": "md5:" + "a" * 32}]},
    "an-array": [GOOD],
    "null": None,
}


@pytest.mark.parametrize("case", WRONG)
def test_what_only_looks_like_a_manifest_is_refused(case: str) -> None:
    with pytest.raises(IntegrityError) as caught:
        parse_manifest(json.dumps(WRONG[case]).encode(), "deepseek-r1:7b")
    assert caught.value.code == "manifest-damaged"
    assert "deepseek-r1:7b" in caught.value.message


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"\xff\xfe", b'{"schemaVersion":2,"x":"\xff"}', b'{"x":' + b"[" * 200_000, b" " * (MANIFEST_BYTES + 1)],
    ids=["empty", "cut", "no-text", "broken-utf8", "deep", "huge"],
)
def test_bytes_that_are_no_json_are_refused(raw: bytes) -> None:
    with pytest.raises(IntegrityError):
        parse_manifest(raw, "x")


def test_the_same_layer_twice_is_one_blob() -> None:
    manifest = parse_manifest(json.dumps(GOOD | {"layers": [LAYER, LAYER]}).encode(), "x")
    assert len(manifest.blobs) == 2


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)
_BLOB = st.fixed_dictionaries(
    {
        "digest": st.sampled_from([LAYER["digest"], "sha256:" + "0" * 64, "sha256:../x"]) | st.text(),
        "size": st.integers() | _JSON,
    },
    optional={"mediaType": st.sampled_from([LAYER["mediaType"], "text/plain"]) | _JSON},
)
_NEARLY = st.fixed_dictionaries(
    {"schemaVersion": st.just(2) | _JSON, "config": _BLOB | _JSON, "layers": st.lists(_BLOB, max_size=4) | _JSON}
)


@given(st.binary(max_size=200) | (_JSON | _NEARLY).map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_a_safe_manifest_or_a_refusal(raw: bytes) -> None:
    try:
        manifest = parse_manifest(raw, "x")
    except IntegrityError:
        return
    for blob in manifest.blobs:
        assert len(blob.file_name) == 71
        assert "/" not in blob.file_name
        assert blob.size >= 0
