"""A blob with a wrong hash: only the part that can be told to be wrong is fetched again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from registry_server import Fault, Model, RegistryServer, assert_whole, blob_file, serving, small_model

from jetson_deploy.store.fetch import FetchResult
from jetson_deploy.store.transfer.chunksums import parse_chunksums

Fetch = Callable[..., FetchResult]
SIZE = 9_000_000
CHUNK = 1_000_000


@pytest.fixture
def big(registry: RegistryServer) -> Model:
    return registry.add("library/deepseek-r1:7b", small_model(SIZE))


def tell_chunks(registry: RegistryServer, model: Model) -> None:
    """The registry knows the hashes of the weights' chunks."""
    content = model.blobs[model.largest]
    lines = [
        f"sha256:{hashlib.sha256(content[at : at + CHUNK]).hexdigest()} {at}-{min(at + CHUNK, SIZE) - 1}\n"
        for at in range(0, SIZE, CHUNK)
    ]
    registry.chunksums[model.largest] = "".join(lines).encode()


def asked_for(registry: RegistryServer, digest: str) -> list[str]:
    pairs = zip(registry.headers, registry.seen, strict=True)
    return [h.get("Range", "whole") for h, path in pairs if path.endswith(f"/blobs/{digest}")]


def test_with_the_hashes_of_its_chunks_only_the_wrong_one_comes_again(
    fetch: Fetch, store: Path, registry: RegistryServer, big: Model
) -> None:
    tell_chunks(registry, big)
    registry.faults.append(Fault("corrupt", f"/blobs/{big.largest}", 1, 4_500_000))
    fetch()
    assert_whole(store, big)
    assert "bytes=4000000-4999999" in asked_for(registry, big.largest)
    assert registry.sent < big.size + 2 * CHUNK


def test_without_them_the_blob_comes_again(fetch: Fetch, store: Path, registry: RegistryServer, big: Model) -> None:
    registry.faults.append(Fault("corrupt", f"/blobs/{big.largest}", 1, 4_500_000))
    fetch()
    assert_whole(store, big)
    assert registry.sent >= 2 * SIZE


def test_hashes_of_chunks_that_contradict_the_whole_do_not_keep_wrong_bytes(
    fetch: Fetch, store: Path, registry: RegistryServer, big: Model
) -> None:
    """A liar who vouches for what it sent: the hash of the whole decides."""
    content = big.blobs[big.largest]
    spoilt = bytes([content[0] ^ 1]) + content[1:]
    registry.chunksums[big.largest] = f"sha256:{hashlib.sha256(spoilt).hexdigest()} 0-{SIZE - 1}".encode()
    registry.faults.append(Fault("corrupt", f"/blobs/{big.largest}", 1, 0))
    fetch()
    assert_whole(store, big)


@pytest.mark.fault("F9")
def test_of_an_altered_blob_in_the_store_only_the_altered_chunk_comes_again(
    fetch: Fetch, store: Path, registry: RegistryServer, big: Model
) -> None:
    fetch()
    tell_chunks(registry, big)
    victim = blob_file(store, big.largest)
    content = bytearray(victim.read_bytes())
    content[7_200_000] ^= 1
    victim.write_bytes(content)
    registry.sent = 0
    registry.headers.clear()
    registry.seen.clear()
    result = fetch(expected_digest=big.digest)
    assert_whole(store, big)
    assert result.fetched_bytes == CHUNK
    assert asked_for(registry, big.largest) == ["bytes=7000000-7999999"]


def test_what_came_from_a_lying_mirror_comes_again_from_the_registry(
    fetch: Fetch, store: Path, registry: RegistryServer, big: Model
) -> None:
    with serving(RegistryServer(dict(registry.manifests), dict(big.blobs))) as mirror:
        mirror.faults.append(Fault("corrupt", f"/blobs/{big.largest}", 1, 100))
        fetch(mirrors=[mirror.url], expected_digest=big.digest)
        assert_whole(store, big)
        assert asked_for(mirror, big.largest) != []
    assert [p.rpartition("/")[2] for p in registry.seen] == [big.largest] * len(registry.seen)


@pytest.mark.parametrize("fault", ["drop", "status", "short", "cut", "other-range"])
def test_a_mirror_is_left_at_the_first_doubt(
    fault: str, fetch: Fetch, store: Path, registry: RegistryServer, big: Model, pauses: list[float]
) -> None:
    with serving(RegistryServer(dict(registry.manifests), dict(big.blobs))) as mirror:
        mirror.faults.append(Fault(fault, "/blobs/", code=404))
        fetch(mirrors=[mirror.url])
        assert_whole(store, big)
    assert registry.seen[0].endswith("/manifests/7b")
    assert pauses == []


def test_a_good_mirror_spares_the_registry(fetch: Fetch, store: Path, registry: RegistryServer, big: Model) -> None:
    with serving(RegistryServer(dict(registry.manifests), dict(big.blobs))) as mirror:
        fetch(mirrors=[mirror.url], expected_digest=big.digest)
        assert_whole(store, big)
    assert registry.seen == []


def test_without_a_pin_the_registry_and_not_the_mirror_says_what_the_tag_is(
    fetch: Fetch, store: Path, registry: RegistryServer, big: Model
) -> None:
    with serving() as mirror:
        mirror.add("library/deepseek-r1:7b", small_model(seed=9))
        fetch(mirrors=[mirror.url])
    assert_whole(store, big)


@given(st.text(max_size=200), st.integers(0, 10**12))
def test_no_text_of_chunksums_is_believed_unless_it_covers_the_blob(text: str, size: int) -> None:
    found = parse_chunksums(text, size)
    assert found == () or (found[0].start == 0 and found[-1].end == size)
