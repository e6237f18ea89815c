"""What links, caches, mirrors and registries do wrong, between the fetcher and Debian's registry.

A fault that passes costs little and the model arrives; one that stays ends in its error; nothing wrong is kept.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from debian_registry import debian_registry, push
from fault_proxy import fault_proxy
from fetch_process import MANIFEST, NAME, PUSHED, assert_whole, missing_in, wrong_in
from free_port import free_port
from link_faults import Fault
from registry_server import Model, small_model

from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.events import silent
from jetson_deploy.names import parse_model_name
from jetson_deploy.store.fetch import FetchResult, fetch_model
from jetson_deploy.store.transfer.pace import Pace

pytestmark = pytest.mark.integration
CHECKPOINT = 1 << 20
LARGER = NAME.replace(":1", ":larger")
WEIGHTS = 9_000_000
"""More than one request asks for."""
STALL = 0.5
"""Seconds of patience."""


@dataclass
class Site:
    """A registry that has the model."""

    url: str
    model: Model
    larger: Model


@dataclass
class Waits:
    """The pauses that were asked for; none is waited."""

    seconds: list[float] = field(default_factory=list)

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        time.sleep(0.01)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("link")
    with debian_registry(folder / "registry") as url:
        larger = push(url, PUSHED[0], "larger", small_model(2 * WEIGHTS, seed=2))
        yield Site(url, push(url, *PUSHED, small_model(WEIGHTS)), larger)


def bring(
    store: Path,
    url: str,
    *,
    waits: Waits | None = None,
    mirrors: Sequence[str] = (),
    rate: float | None = None,
    name: str = NAME,
) -> FetchResult:
    return fetch_model(
        parse_model_name(name),
        store=store,
        registry=url,
        expected_digest=None,
        report=silent,
        stop=threading.Event(),
        mirrors=mirrors,
        pace=Pace(checkpoint_bytes=CHECKPOINT, bytes_per_second=rate),
        stall_seconds=STALL,
        sleep=waits or Waits(),
    )


CUTS = {
    **{f"cut at {percent} %": [Fault("cut", at=percent / 100, times=1)] for percent in (1, 10, 50, 90, 99)},
    "cut five times": [Fault("cut", at=at, times=1) for at in (0.1, 0.3, 0.5, 0.7, 0.9)],
    "reset": [Fault("reset", at=0.5, times=1)],
    "no connection lives for long": [Fault("short-lived", uses=700_000)],
    "a stall": [Fault("stall", at=0.6, times=1)],
    "two stalls": [Fault("stall", at=0.3, times=1), Fault("stall", at=0.8, times=1)],
    "a signed address that runs out after two requests, 403": [Fault("signed", uses=2, code=403)],
    "a signed address that runs out at once, 400": [Fault("signed", uses=1, code=400)],
    "a signed address that runs out in time, 410": [Fault("signed", seconds=0.1, code=410)],
    "a signed address that runs out and is cut": [
        Fault("signed", uses=1, code=401),
        Fault("cut", at=0.4, times=1),
        Fault("cut", at=0.8, times=1),
    ],
    "503 with Retry-After": [Fault("status", code=503, headers={"Retry-After": "7"}, times=2)],
    "429": [Fault("status", code=429, times=2)],
    "no answer": [Fault("hang-up", times=3)],
    "HEAD is refused": [Fault("no-head")],
    "bodies without a length": [Fault("chunked")],
    "the manifest's connection is cut": [Fault("hang-up", path="/manifests/", times=2)],
}


@pytest.mark.parametrize("case", CUTS)
@pytest.mark.fault("F4")
def test_a_fault_that_passes_costs_a_checkpoint_at_most(site: Site, tmp_path: Path, case: str) -> None:
    waits = Waits()
    with fault_proxy(site.url) as proxy:
        proxy.faults = [Fault(**vars(fault)) for fault in CUTS[case]]
        bring(tmp_path / "store", proxy.url, waits=waits)
        assert proxy.bytes_sent <= 1.02 * site.model.size + CHECKPOINT * proxy.most_at_once
        assert all(fault.happened or fault.kind == "no-head" for fault in proxy.faults)
    assert_whole(tmp_path / "store", site.model)
    if case == "503 with Retry-After":
        assert [seconds for seconds in waits.seconds if seconds >= 7] != []


WRONGS = {
    "a byte is corrupt once": [Fault("corrupt", at=0.5, times=1)],
    "the last byte is corrupt twice": [Fault("corrupt", at=1, times=2)],
    "a length that is too long, once": [Fault("longer", times=1)],
    "a length that is too short, once": [Fault("shorter", times=1)],
    "200 for a range, once": [Fault("whole", times=1)],
    "200 for every range": [Fault("whole")],
    "416 for a range, once": [Fault("no-range", times=1)],
    "416 for every range": [Fault("no-range")],
    "206 of another range, once": [Fault("other-range", times=1)],
    "the connection trickles once": [Fault("trickle", rate=200, times=1)],
}


@pytest.mark.parametrize("case", WRONGS)
@pytest.mark.fault("F10")
def test_wrong_bytes_and_odd_answers_are_overcome(site: Site, tmp_path: Path, case: str) -> None:
    with fault_proxy(site.url) as proxy:
        proxy.faults = [Fault(**vars(fault)) for fault in WRONGS[case]]
        bring(tmp_path / "store", proxy.url)
        assert all(fault.happened for fault in proxy.faults)
        # Each time the blob may have to come again, not more.
        assert proxy.bytes_sent <= 3.1 * site.model.size
    assert_whole(tmp_path / "store", site.model)


STAYING = {
    "every body stalls": (Fault("stall", at=0.5), 4, "registry-stalled"),
    "every body is cut": (Fault("cut", at=0), 4, "fetch-interrupted"),
    "a byte is always corrupt": (Fault("corrupt", at=0.5), 5, "blob-corrupt"),
    "lengths are always too long": (Fault("longer"), 5, "blob-corrupt"),
    "ranges are always of another place": (Fault("other-range"), 5, "blob-corrupt"),
    "signed addresses never work": (Fault("signed", uses=0, code=403), 4, "registry-refused"),
    "503": (Fault("status", code=503), 4, "registry-unreachable"),
    "429": (Fault("status", code=429), 4, "registry-refused"),
    "403": (Fault("status", code=403), 4, "registry-refused"),
    "404 for a blob": (Fault("status", code=404), 4, "blob-not-found-in-registry"),
    "no answer": (Fault("hang-up"), 4, "registry-unreachable"),
    "everything trickles": (Fault("trickle", rate=200), 4, "registry-stalled"),
}


@pytest.mark.parametrize("case", STAYING)
def test_a_fault_that_stays_is_told_and_the_next_run_heals(site: Site, tmp_path: Path, case: str) -> None:
    fault, exit_code, code = STAYING[case]
    store = tmp_path / "store"
    with fault_proxy(site.url, Fault(**vars(fault))) as proxy:
        with pytest.raises(JetsonDeployError) as caught:
            bring(store, proxy.url)
        assert (caught.value.exit_code, caught.value.code) == (exit_code, code), caught.value.message
        assert wrong_in(store) == []
        assert not list((store / "manifests").rglob("1"))
        proxy.faults.clear()
        bring(store, proxy.url)
    assert_whole(store, site.model)


@pytest.mark.fault("F4")
def test_after_a_link_that_went_down_the_next_run_fetches_the_rest_only(site: Site, tmp_path: Path) -> None:
    with fault_proxy(site.url, Fault("cut", at=0.7, times=1)) as proxy:
        down = Fault("hang-up", times=0)
        proxy.faults.append(down)

        def take_down() -> None:
            while proxy.cuts == 0 and not proxy.closing.is_set():
                time.sleep(0.001)
            down.times = 1_000

        watcher = threading.Thread(target=take_down)
        watcher.start()
        with pytest.raises(JetsonDeployError) as caught:
            bring(tmp_path / "store", proxy.url)
        watcher.join()
        assert caught.value.exit_code == 4
        down.times = 0
        bring(tmp_path / "store", proxy.url)
        assert proxy.bytes_sent <= 1.02 * site.model.size + CHECKPOINT * proxy.most_at_once
    assert_whole(tmp_path / "store", site.model)


@pytest.mark.fault("F4")
def test_a_cut_of_several_connections_at_once_is_one_cut(site: Site, tmp_path: Path) -> None:
    """Each connection is slow, so the fetcher opens more; they end together, and none of them loses what it had."""
    waits = Waits()
    with fault_proxy(site.url, Fault("cut", at=0.85, times=1), rate_each=6e6) as proxy:
        bring(tmp_path / "store", proxy.url, waits=waits, name=LARGER)
        assert proxy.most_at_once >= 2
        assert len(waits.seconds) == 1
        assert proxy.bytes_sent <= 1.02 * site.larger.size + CHECKPOINT * proxy.most_at_once
    assert missing_in(tmp_path / "store", site.larger, MANIFEST.with_name("larger")) == []


MIRRORS = {
    "lies": Fault("corrupt", at=0.4),
    "lies in its first byte": Fault("corrupt", at=0),
    "lacks the blobs": Fault("status", code=404),
    "lacks everything": Fault("status", path="/", code=404),
    "breaks": Fault("status", path="/", code=500),
    "cuts": Fault("cut", at=0.3),
    "stalls": Fault("stall", at=0.3),
    "trickles": Fault("trickle", rate=300),
    "sends other ranges": Fault("other-range"),
    "sends lengths that are wrong": Fault("longer"),
    "wants a login": Fault("status", path="/", code=401),
}


@pytest.mark.parametrize("case", MIRRORS)
def test_a_bad_mirror_is_left_for_the_origin(site: Site, tmp_path: Path, case: str) -> None:
    with fault_proxy(site.url) as origin, fault_proxy(site.url, Fault(**vars(MIRRORS[case]))) as mirror:
        bring(tmp_path / "store", origin.url, mirrors=[mirror.url])
        assert mirror.asked
        assert origin.blob_requests()
        assert mirror.bytes_sent <= 1.02 * site.model.size
    assert_whole(tmp_path / "store", site.model)


def test_a_good_mirror_gives_all_blobs(site: Site, tmp_path: Path) -> None:
    with fault_proxy(site.url) as origin, fault_proxy(site.url) as mirror:
        bring(tmp_path / "store", origin.url, mirrors=[f"http://127.0.0.1:{free_port()}", mirror.url])
        assert (origin.bytes_sent, mirror.bytes_sent) == (0, site.model.size)
    assert_whole(tmp_path / "store", site.model)


def test_a_cap_on_the_rate_is_kept(site: Site, tmp_path: Path) -> None:
    rate, began = 6e6, time.monotonic()
    bring(tmp_path / "store", site.url, rate=rate)
    assert time.monotonic() - began > 0.85 * site.model.size / rate
