"""What `model serve` answers, asked through real sockets."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from registry_server import Model, blob_file, digest_of, small_model
from served_store import HUGE, OLLAMA, Served, eventually, get, put, put_huge, serving_store

from jetson_deploy.store.serve.chunksums import CHUNK_BYTES

R1 = f"{OLLAMA}/library/deepseek-r1/7b"


@pytest.fixture
def model(store: Path) -> Model:
    return put(store, R1, small_model())


@pytest.fixture
def served(store: Path, model: Model) -> Iterator[Served]:
    with serving_store(store) as server:
        yield server


@pytest.fixture
def http() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


def test_a_model_is_served_byte_for_byte(served: Served, model: Model, http: requests.Session) -> None:
    repository = f"{served.url}/v2/library/deepseek-r1"
    manifest = http.get(f"{repository}/manifests/7b")
    assert manifest.content == model.manifest
    assert manifest.headers["Docker-Content-Digest"] == f"sha256:{model.digest}"
    assert http.get(f"{repository}/manifests/sha256:{model.digest}").content == model.manifest
    for digest, content in model.blobs.items():
        blob = http.get(f"{repository}/blobs/{digest}")
        assert (blob.status_code, blob.content) == (200, content)
        assert blob.headers["Location"] == f"/v2/library/deepseek-r1/blobs/{digest}"
        assert blob.headers["ETag"] == f'"{digest}"'
        assert blob.headers["Accept-Ranges"] == "bytes"
    eventually(lambda: served.tally.totals.sent_bytes == model.size + 2 * len(model.manifest))


def test_the_registry_says_that_it_is_one(served: Served, http: requests.Session) -> None:
    answer = http.get(f"{served.url}/v2/")
    assert (answer.status_code, answer.json()) == (200, {})
    assert answer.headers["Docker-Distribution-Api-Version"] == "registry/2.0"


@pytest.mark.parametrize(
    "path", ["", "x/deepseek-r1/manifests/7b", "{r}/manifests/7b", "{r}/blobs/{d}", "{r}/tags/list"]
)
def test_head_is_get_without_the_body(served: Served, model: Model, http: requests.Session, path: str) -> None:
    url = f"{served.url}/v2/{path.format(r='library/deepseek-r1', d=model.largest)}"
    got, head = http.get(url), http.head(url)
    assert (head.status_code, head.content) == (got.status_code, b"")
    assert {**head.headers, "Date": ""} == {**got.headers, "Date": ""}


@pytest.mark.parametrize(
    "media",
    ["application/vnd.docker.distribution.manifest.v2+json", "application/vnd.oci.image.manifest.v1+json"],
)
def test_a_manifest_has_the_type_that_it_says(store: Path, http: requests.Session, media: str) -> None:
    put_huge(store, 1, media)
    with serving_store(store) as served:
        answer = http.get(f"{served.url}/v2/library/huge/manifests/latest")
    assert answer.headers["Content-Type"] == media


def test_tags_are_listed_as_they_are_now(served: Served, store: Path, http: requests.Session) -> None:
    url = f"{served.url}/v2/library/deepseek-r1/tags/list"
    assert http.get(url).json() == {"name": "library/deepseek-r1", "tags": ["7b"]}
    late = put(store, f"{OLLAMA}/library/deepseek-r1/1.5b", small_model(5000, seed=2))
    assert http.get(url).json()["tags"] == ["1.5b", "7b"]
    assert http.get(f"{served.url}/v2/library/deepseek-r1/blobs/{late.largest}").content == late.blobs[late.largest]


def test_a_model_of_another_registry_is_served_when_no_other_has_its_name(
    served: Served, store: Path, http: requests.Session
) -> None:
    first, second, own = (small_model(5000, seed=seed) for seed in (3, 4, 5))
    url = f"{served.url}/v2/team/mine/manifests/latest"
    put(store, "10.0.0.5:5000/team/mine/latest", first)
    assert http.get(url).content == first.manifest
    put(store, "elsewhere/team/mine/latest", second)
    assert http.get(url).status_code == 404
    assert http.get(url.replace("latest", f"sha256:{second.digest}")).content == second.manifest
    put(store, f"{OLLAMA}/team/mine/latest", own)
    assert http.get(url).content == own.manifest


NOWHERE = [
    "/",
    "/v2",
    "/v2//",
    "/v2/_catalog",
    "/v2/library/deepseek-r1",
    "/v2/library/deepseek-r1/manifests/",
    "/v2/library/deepseek-r1/manifests/8b",
    "/v2/library/deepseek-r1/manifests/sha256:" + "0" * 64,
    "/v2/library/deepseek-r1/blobs/sha256:" + "0" * 64,
    "/v2/library/deepseek-r1/blobs/latest",
    "/v2/library/deepseek-r1/chunksums/sha256:" + "0" * 64,
    "/v2/library/deepseek-r1/blobs/../../../secret",
    "/v2/library/deepseek-r1/manifests/..%2f..%2fsecret",
    "/v2/library/deepseek-r1/manifests/7b%00",
    "/v2/../../etc/passwd",
    "/v2/%2e%2e/%2e%2e/manifests/7b",
    "/v2/../library/manifests/7b",
    "/v2/library%2fdeepseek-r1/manifests/7b",
    "/v2/library/%2e%2e/manifests/7b",
    "/v2/library/" + "x" * 300 + "/manifests/7b",
    "/v2/library/deepseek-r1/tags/list/more",
    "/v3/library/deepseek-r1/manifests/7b",
    "http://elsewhere",
    "*",
]


@pytest.mark.parametrize("path", NOWHERE, ids=lambda p: p[:60])
def test_any_other_path_is_not_there(served: Served, path: str) -> None:
    answer = served.say(get(path, "Connection: close"))
    assert answer.startswith(b"HTTP/1.1 404 "), answer
    assert b'{"errors":[{"code":"' in answer


@pytest.mark.parametrize(
    "target", ["/v2/library/%64eepseek-r1/manifests/%37b", "http://x/v2/library/deepseek-r1/manifests/7b?ns=y"]
)
def test_other_spellings_of_a_path_are_understood(served: Served, model: Model, target: str) -> None:
    assert served.say(get(target, "Connection: close")).endswith(model.manifest)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"])
def test_nothing_can_be_changed(served: Served, model: Model, http: requests.Session, method: str) -> None:
    answer = http.request(method, f"{served.url}/v2/library/deepseek-r1/blobs/{model.largest}", data=b"x" * 100_000)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")


def stray(store: Path, digest: str) -> None:
    """A blob that no manifest names; the model's own stays."""
    blob_file(store, digest).rename(blob_file(store, HUGE))


def short(store: Path, digest: str) -> None:
    os.truncate(blob_file(store, digest), 5)


def link_to_a_secret(store: Path, digest: str) -> None:
    """Of the right size, as somebody would choose it who knows the size of a file that they may not read."""
    file = blob_file(store, digest)
    file.rename(store / "secret")
    file.symlink_to(store / "secret")


def link_in_a_circle(store: Path, digest: str) -> None:
    blob_file(store, digest).unlink()
    blob_file(store, digest).symlink_to(blob_file(store, digest))


def fifo(store: Path, digest: str) -> None:
    blob_file(store, digest).unlink()
    os.mkfifo(blob_file(store, digest))


def damaged_manifest(store: Path, digest: str) -> None:
    (store / "manifests" / R1).write_bytes(b"root:x:0:0:")


def fifo_as_manifest(store: Path, digest: str) -> None:
    (store / "manifests" / R1).unlink()
    os.mkfifo(store / "manifests" / R1)


@pytest.mark.parametrize(
    "spoil", [stray, short, link_to_a_secret, link_in_a_circle, fifo, damaged_manifest, fifo_as_manifest]
)
def test_only_whole_blobs_of_readable_manifests_are_served(
    served: Served, store: Path, model: Model, http: requests.Session, spoil: Callable[[Path, str], None]
) -> None:
    spoil(store, model.largest)
    for digest in (model.largest, HUGE):
        assert http.get(f"{served.url}/v2/library/deepseek-r1/blobs/{digest}").status_code == 404
    shown = http.get(f"{served.url}/v2/library/deepseek-r1/manifests/7b")
    assert shown.status_code == (404 if "manifest" in spoil.__name__ else 200)


def test_a_blob_on_another_disk_is_served_through_its_link(
    served: Served, store: Path, model: Model, tmp_path: Path, http: requests.Session
) -> None:
    file = blob_file(store, model.largest)
    file.rename(tmp_path / file.name)
    file.symlink_to(tmp_path / file.name)
    assert http.get(f"{served.url}/v2/library/deepseek-r1/blobs/{model.largest}").content == model.blobs[model.largest]


def test_the_blobs_of_one_model_are_not_those_of_another(served: Served, store: Path, http: requests.Session) -> None:
    other = put(store, f"{OLLAMA}/library/other/latest", small_model(5000, seed=9))
    assert http.get(f"{served.url}/v2/library/deepseek-r1/blobs/{other.largest}").status_code == 404


def test_nothing_in_the_store_changes(served: Served, store: Path, model: Model, http: requests.Session) -> None:
    def snapshot() -> list[tuple[str, int, int]]:
        return sorted((str(p), p.stat().st_mtime_ns, p.stat().st_mode) for p in store.rglob("*"))

    before = snapshot()
    for path in ("manifests/7b", f"blobs/{model.largest}", f"chunksums/{model.largest}", "tags/list"):
        assert http.get(f"{served.url}/v2/library/deepseek-r1/{path}").status_code == 200
    assert snapshot() == before


def test_chunksums_cover_the_blob_and_hold(store: Path, http: requests.Session) -> None:
    file = put_huge(store, CHUNK_BYTES + 5)
    with file.open("r+b") as opened:
        opened.seek(CHUNK_BYTES)
        opened.write(b"tail!")
    with serving_store(store) as served:
        answer = http.get(f"{served.url}/v2/library/huge/chunksums/{HUGE}")
        again = http.get(f"{served.url}/v2/library/huge/chunksums/{HUGE}")
    zeros = hashlib.sha256(bytes(CHUNK_BYTES)).hexdigest()
    assert answer.text == f"sha256:{zeros} 0-{CHUNK_BYTES - 1}\n{digest_of(b'tail!')} {CHUNK_BYTES}-{CHUNK_BYTES + 4}\n"
    assert again.text == answer.text
    assert answer.headers["Content-Location"] == f"{served.url}/v2/library/huge/blobs/{HUGE}"


def test_chunksums_of_a_file_that_was_replaced_are_those_of_the_new_one(store: Path, http: requests.Session) -> None:
    file = put_huge(store, 5)
    with serving_store(store) as served:
        first = http.get(f"{served.url}/v2/library/huge/chunksums/{HUGE}")
        (store / "new").write_bytes(b"tail!")
        (store / "new").replace(file)
        second = http.get(f"{served.url}/v2/library/huge/chunksums/{HUGE}")
    assert first.text == f"{digest_of(bytes(5))} 0-4\n"
    assert second.text == f"{digest_of(b'tail!')} 0-4\n"
