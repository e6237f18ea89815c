"""What is known of Ollama without asking a running one."""

from __future__ import annotations

import msgspec
import pytest

from jetson_deploy.endpoint import local_endpoint
from jetson_deploy.server.opened import open_server
from jetson_deploy.server.workload import Workload

SERVER = open_server()
WORK = Workload(
    endpoint=local_endpoint(11434),
    store="/srv/models",
    manifest_digest="a" * 64,
    context_tokens=4096,
    parallel=1,
    kv_cache_type="f16",
)


@pytest.mark.parametrize(
    ("version", "estimates"), [(None, True), ("0.6.8", True), ("0.12.3", True), ("0.12.4", False), ("0.24.0", False)]
)
def test_servers_up_to_0_12_3_go_by_their_own_estimate(version: str | None, estimates: bool) -> None:
    assert SERVER.estimates(version) is estimates


@pytest.mark.parametrize(
    ("version", "tells"), [(None, False), ("0.0.0", False), ("0.24.0", False), ("0.30.1", True), ("v1.0.0", True)]
)
def test_the_log_tells_tokens_from_0_30_on(version: str | None, tells: bool) -> None:
    assert SERVER.logs_tokens(version) is tells


def test_the_container_sees_the_store_and_over_its_manifests_the_pinned_one_both_read_only() -> None:
    mounts = SERVER.set_up(WORK).mounts
    assert [(m.source, m.target, m.read_only) for m in mounts] == [
        ("/srv/models", "/models", True),
        (f"/srv/models/.jetson-deploy/pinned/{'a' * 64}", "/models/manifests", True),
    ]
    assert SERVER.mounts("/srv/models", None) == mounts[:1]


def test_the_kv_cache_type_is_set_where_it_is_not_the_default() -> None:
    quantized = SERVER.set_up(msgspec.structs.replace(WORK, kv_cache_type="q8_0")).environment
    assert quantized["OLLAMA_KV_CACHE_TYPE"] == "q8_0"
    assert "OLLAMA_KV_CACHE_TYPE" not in SERVER.set_up(WORK).environment
