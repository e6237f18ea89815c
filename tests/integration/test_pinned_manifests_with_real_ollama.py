"""The real Ollama sees a pinned tree instead of the store's manifests, as a deployment's container does.

Store and tree are mounted read-only in a mount namespace of the server's own: what happens to the tag meanwhile is
nothing to it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from real_ollama import MODEL, RealOllama, started

from jetson_deploy.names import parse_model_name
from jetson_deploy.server.ollama.client import OllamaClient
from jetson_deploy.store.maintenance.remove import remove_model
from jetson_deploy.store.manifest import manifest_digest
from jetson_deploy.store.pinned import pin_manifest

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

NAME = parse_model_name(MODEL)
SECOND = parse_model_name("registry.example:5000/team/smol:1")
_READ_ONLY = """\
mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" &&
mount --bind "$1" "$0/manifests" && mount -o remount,bind,ro "$0/manifests" && shift && exec "$@"
"""


def behind_a_pinned_tree(store: Path) -> list[str]:
    tag = store / "manifests/registry.ollama.ai/library/smol/latest"
    digest = manifest_digest(tag.read_bytes())
    pin_manifest(store, NAME, digest)
    pin_manifest(store, SECOND, digest)
    tag.write_text(tag.read_text() + "\n")  # the tag moved: another manifest, another digest
    tree = store / ".jetson-deploy/pinned" / digest
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", _READ_ONLY, str(store), str(tree)]


@pytest.fixture(scope="module")
def server() -> Iterator[RealOllama]:
    with (
        tempfile.TemporaryDirectory(prefix="jdp", dir="/tmp") as folder,
        started(Path(folder), through=behind_a_pinned_tree) as server,
    ):
        yield server


@pytest.fixture
def client(server: RealOllama) -> OllamaClient:
    return OllamaClient(server.base_url, timeout=10)


@pytest.mark.fault("F26")
def test_it_lists_the_pinned_manifest_under_its_names_though_the_tag_moved(
    server: RealOllama, client: OllamaClient
) -> None:
    listed = {model.name: model.digest for model in client.models()}
    assert listed == {MODEL: server.manifest_digest, SECOND.short: server.manifest_digest}


def test_it_generates_from_it(client: OllamaClient) -> None:
    assert client.generate(MODEL, "Say hi.", max_tokens=4, timeout=120).tokens >= 1
    (running,) = client.running()
    assert running.digest in {model.digest for model in client.models()}


def test_it_goes_on_when_the_tag_is_removed(server: RealOllama, client: OllamaClient) -> None:
    assert remove_model(server.store, NAME) == 0
    assert list((server.store / "manifests").iterdir()) == []
    assert client.generate(MODEL, "Say hi.", max_tokens=2, timeout=120).tokens >= 1


def test_it_reads_the_store_only(server: RealOllama) -> None:
    assert "ro," in (Path("/proc") / str(server.process.pid) / "mounts").read_text().split(str(server.store), 1)[1]
