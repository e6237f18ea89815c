"""A registry that cuts, stalls, lies or refuses: retried where that can help, told in words, nothing wrong kept."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from registry_server import Fault, Model, RegistryServer, assert_whole, small_model

from jetson_deploy.errors import IntegrityError, InterruptedRunError, JetsonDeployError, NetworkError
from jetson_deploy.events import Event, Note
from jetson_deploy.store.fetch import FetchResult
from jetson_deploy.store.inventory import read_models
from jetson_deploy.store.remote.http_source import READ_BYTES

Fetch = Callable[..., FetchResult]


def assert_nothing_wrong_is_kept(store: Path, model: Model) -> None:
    for path in (store / "blobs").iterdir():
        assert path.read_bytes() == model.blobs[path.name.replace("-", ":", 1)]
    assert list((store / ".jetson-deploy" / "tmp").iterdir()) == []
    for journal in (store / ".jetson-deploy" / "partial").glob("*.journal"):
        assert journal.with_suffix(".data").stat().st_size == len(model.blobs["sha256:" + journal.stem])
    assert [m for m in read_models(store) if not m.complete] == []


PASSING = [
    Fault("cut", after=0),
    Fault("cut", after=20_000),
    Fault("drop"),
    Fault("corrupt", after=0),
    Fault("corrupt", after=200_000),
    Fault("short", after=150_000),
    Fault("long"),
    Fault("longer-unannounced", after=1),
    Fault("longer-unannounced", after=1_000_000),
    Fault("status", code=500),
    Fault("status", code=503),
    Fault("status", code=429),
]


@pytest.mark.parametrize("fault", PASSING, ids=lambda f: f"{f.kind}-{f.after or f.code}")
@pytest.mark.fault("F4")
def test_a_fault_that_passes_is_outlived(
    fault: Fault,
    fetch: Fetch,
    store: Path,
    registry: RegistryServer,
    model: Model,
    pauses: list[float],
    events: list[Event],
) -> None:
    registry.faults.append(Fault(fault.kind, f"/blobs/{model.largest}", 2, fault.after, fault.code))
    result = fetch(expected_digest=model.digest)
    assert result.fetched_bytes == model.size
    assert read_models(store)[0].complete
    assert_nothing_wrong_is_kept(store, model)
    first, second = pauses
    assert 0.5 <= first <= 1.5
    assert 1.0 <= second <= 3.0
    assert sum(isinstance(e, Note) and "trying again" in e.text for e in events) == 2


@pytest.mark.parametrize("percent", [1, 10, 50, 90, 99])
@pytest.mark.parametrize("kind", ["cut", "unannounced", "stall"])
@pytest.mark.fault("F4")
def test_a_cut_blob_goes_on_where_it_was_cut(
    kind: str, percent: int, fetch: Fetch, store: Path, registry: RegistryServer
) -> None:
    big = registry.add("library/deepseek-r1:7b", small_model(8_000_000))
    registry.faults.append(Fault(kind, big.largest, 1, 8_000_000 * percent // 100))
    fetch(stall_seconds=0.5)
    assert_whole(store, big)
    ranges = [h.get("Range", "") for h, p in zip(registry.headers, registry.seen, strict=True) if big.largest in p][1:]
    # What had not arrived when the connection was cut is all that is asked for again: at most one piece more.
    first = int(ranges[0].removeprefix("bytes=").partition("-")[0])
    assert 8_000_000 * percent // 100 - READ_BYTES <= first <= 8_000_000 * percent // 100


LASTING = [
    (Fault("cut", after=0), NetworkError, "fetch-interrupted", 5),
    (Fault("drop"), NetworkError, "registry-unreachable", 5),
    (Fault("corrupt", after=7), IntegrityError, "blob-corrupt", 3),
    (Fault("short", after=150_000), IntegrityError, "blob-corrupt", 3),
    (Fault("long"), IntegrityError, "blob-corrupt", 3),
    (Fault("status", code=502), NetworkError, "registry-unreachable", 5),
]


@pytest.mark.parametrize(("fault", "kind", "code", "tries"), LASTING, ids=lambda v: getattr(v, "kind", None))
def test_a_fault_that_stays_is_an_error_after_the_last_try(
    fault: Fault,
    kind: type[JetsonDeployError],
    code: str,
    tries: int,
    fetch: Fetch,
    store: Path,
    registry: RegistryServer,
    model: Model,
) -> None:
    registry.faults.append(Fault(fault.kind, f"/blobs/{model.largest}", after=fault.after, code=fault.code))
    with pytest.raises(kind) as caught:
        fetch()
    assert caught.value.code == code
    assert registry.blob_requests().count(model.largest) == tries
    assert "\n" not in caught.value.message
    assert caught.value.hint
    assert read_models(store) == ()
    assert_nothing_wrong_is_kept(store, model)


def test_a_link_that_brings_a_little_each_time_arrives(fetch: Fetch, store: Path, registry: RegistryServer) -> None:
    """Twenty cuts are more than five tries: each that brought something starts the count anew."""
    big = registry.add("library/deepseek-r1:7b", small_model(2_000_000))
    registry.faults.append(Fault("cut", big.largest, after=100_000))
    fetch()
    assert_whole(store, big)


@pytest.mark.parametrize("kind", ["whole", "refuse-range"])
def test_a_registry_without_ranges_gives_a_blob_in_one_piece(
    kind: str, fetch: Fetch, store: Path, registry: RegistryServer, pauses: list[float]
) -> None:
    big = registry.add("library/deepseek-r1:7b", small_model(20_000_000))
    registry.faults.append(Fault(kind, big.largest))
    fetch()
    assert_whole(store, big)
    assert pauses == []
    assert registry.blob_requests().count(big.largest) == 2


def test_a_cut_without_ranges_reads_over_what_is_here(fetch: Fetch, store: Path, registry: RegistryServer) -> None:
    big = registry.add("library/deepseek-r1:7b", small_model(9_000_000))
    registry.faults += [
        Fault("whole", big.largest, 1),
        Fault("cut", big.largest, 1, 5_000_000),
        Fault("whole", big.largest, 2),
    ]
    fetch()
    assert_whole(store, big)


def test_a_server_may_send_less_than_was_asked_for(fetch: Fetch, store: Path, registry: RegistryServer) -> None:
    big = registry.add("library/deepseek-r1:7b", small_model(20_000_000))
    registry.faults.append(Fault("less", big.largest, 4))
    fetch()
    assert_whole(store, big)


def test_another_range_than_the_asked_one_is_not_believed(fetch: Fetch, store: Path, registry: RegistryServer) -> None:
    big = registry.add("library/deepseek-r1:7b", small_model(20_000_000))
    registry.faults.append(Fault("other-range", big.largest, 2))
    fetch()
    assert_whole(store, big)


REFUSED = [
    ("/manifests/", 404, "model-not-found-in-registry"),
    ("/manifests/", 412, "model-needs-newer-client"),
    ("/manifests/", 401, "registry-login"),
    ("/blobs/", 404, "blob-not-found-in-registry"),
    ("/blobs/", 403, "registry-refused"),
]


@pytest.mark.parametrize(("path", "status", "code"), REFUSED)
def test_a_refusal_that_no_try_can_heal_is_told_at_once(
    path: str, status: int, code: str, fetch: Fetch, registry: RegistryServer, model: Model, pauses: list[float]
) -> None:
    registry.faults.append(Fault("status", path=path, code=status))
    with pytest.raises(NetworkError) as caught:
        fetch()
    assert caught.value.code == code
    assert registry.url in caught.value.message
    assert pauses == []


def test_an_unknown_model_is_told_with_the_registrys_address(fetch: Fetch, registry: RegistryServer) -> None:
    with pytest.raises(NetworkError) as caught:
        fetch("deepseek-r2:1b")
    assert caught.value.message == f"{registry.url} has no model deepseek-r2:1b"


@pytest.mark.parametrize("kind", ["stall", "silence"])
@pytest.mark.fault("F7")
def test_a_stalled_registry_is_left_after_the_patience(
    kind: str, fetch: Fetch, store: Path, registry: RegistryServer, model: Model
) -> None:
    registry.faults.append(Fault(kind, model.largest))
    with pytest.raises(NetworkError) as caught:
        fetch(stall_seconds=0.2)
    assert caught.value.code == "registry-stalled"
    assert "0.2 s" in caught.value.message
    assert_nothing_wrong_is_kept(store, model)


@pytest.mark.parametrize("kind", ["stall", "silence"])
@pytest.mark.parametrize("path", ["/manifests/", "/blobs/"])
def test_a_stop_ends_a_silent_transfer_within_a_moment(
    kind: str, path: str, fetch: Fetch, store: Path, registry: RegistryServer, model: Model
) -> None:
    registry.faults.append(Fault(kind, path, after=100))
    stop = threading.Event()

    def stop_when_silent() -> None:
        registry.asked.wait(20)
        stop.set()

    watcher = threading.Thread(target=stop_when_silent)
    watcher.start()
    with pytest.raises(InterruptedRunError):
        fetch(stop=stop, stall_seconds=3600.0)  # to wait for the registry's silence to end would be to hang
    watcher.join()
    assert not registry.closing.is_set()
    assert_nothing_wrong_is_kept(store, model)


def test_a_stop_ends_the_pause_between_tries(fetch: Fetch, registry: RegistryServer, model: Model) -> None:
    registry.faults.append(Fault("status", code=503))
    stop = threading.Event()
    with pytest.raises(InterruptedRunError):
        fetch(stop=stop, sleep=None, report=lambda event: stop.set())
    assert len(registry.seen) == 1


@pytest.mark.fault("F13")
def test_a_refused_connection_names_host_and_port(fetch: Fetch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(NetworkError) as caught:
        fetch(registry=f"http://127.0.0.1:{port}")
    assert caught.value.message == f"cannot reach 127.0.0.1:{port}: Connection refused"
    assert caught.value.code == "registry-unreachable"


def test_a_redirect_to_a_dead_server_names_that_server(fetch: Fetch, registry: RegistryServer, model: Model) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    registry.faults.append(Fault("redirect", path="/blobs/", to=f"http://127.0.0.1:{port}"))
    with pytest.raises(NetworkError) as caught:
        fetch()
    assert f"127.0.0.1:{port}" in caught.value.message


@pytest.mark.parametrize("target", ["ftp://127.0.0.1/x", "file:///etc/passwd", "http://", "http://[::1"])
def test_a_redirect_to_an_unusable_address_is_refused_at_once(
    target: str, fetch: Fetch, registry: RegistryServer, model: Model, pauses: list[float]
) -> None:
    registry.faults.append(Fault("redirect", path="/blobs/", to=target))
    with pytest.raises(NetworkError) as caught:
        fetch()
    assert caught.value.code == "registry-redirect"
    assert pauses == []


def test_a_redirect_in_circles_ends(fetch: Fetch, registry: RegistryServer, model: Model) -> None:
    registry.faults.append(Fault("redirect", path="/blobs/", to=registry.url))
    with pytest.raises(NetworkError) as caught:
        fetch()
    assert caught.value.code == "registry-redirect"
    assert len(registry.seen) < 10


def test_a_signed_address_that_expired_is_asked_for_again(
    fetch: Fetch, store: Path, registry: RegistryServer, model: Model
) -> None:
    registry.faults += [
        Fault("redirect", path=model.largest, times=1, to=registry.url),
        Fault("status", path=model.largest, times=1, code=403),
    ]
    fetch()
    assert read_models(store)[0].complete


def test_a_lie_about_the_manifests_digest_is_not_believed(
    fetch: Fetch, store: Path, registry: RegistryServer, model: Model
) -> None:
    registry.faults.append(Fault("lying-digest", path="/manifests/"))
    with pytest.raises(IntegrityError) as caught:
        fetch()
    assert caught.value.code == "manifest-corrupt"
    assert read_models(store) == ()


def test_a_manifest_damaged_on_its_way_is_fetched_again(
    fetch: Fetch, store: Path, registry: RegistryServer, model: Model
) -> None:
    registry.faults.append(Fault("corrupt", path="/manifests/", times=1, after=300))
    assert fetch(expected_digest=model.digest).manifest_digest == model.digest


def test_an_endless_manifest_is_cut_off(fetch: Fetch, registry: RegistryServer, model: Model) -> None:
    registry.faults.append(Fault("longer-unannounced", path="/manifests/", after=5 << 20))
    with pytest.raises(IntegrityError) as caught:
        fetch()
    assert caught.value.code == "manifest-corrupt"


def test_a_container_image_is_not_taken_for_a_model(
    fetch: Fetch, store: Path, registry: RegistryServer, model: Model
) -> None:
    registry.manifests["library/deepseek-r1:7b"] = model.manifest.replace(b"vnd.ollama.image", b"vnd.docker.image")
    with pytest.raises(IntegrityError) as caught:
        fetch()
    assert caught.value.code == "not-a-model"
    assert registry.blob_requests() == []


def test_a_registry_without_tls_under_an_https_address_is_not_trusted(
    fetch: Fetch, registry: RegistryServer, pauses: list[float]
) -> None:
    with pytest.raises(NetworkError) as caught:
        fetch(registry=registry.url.replace("http://", "https://"))
    assert caught.value.code == "registry-untrusted"
    assert pauses == []
