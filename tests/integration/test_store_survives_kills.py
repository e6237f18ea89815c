"""`model fetch` is killed with SIGKILL at random moments, against Debian's registry behind a proxy that counts.

JD_KILLS sets how often (25; 100 for the full run), JD_SEED when: it is named when a kill finds something.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from chosen_seed import chosen_seed
from debian_registry import debian_registry, push
from fault_proxy import fault_proxy
from fetch_process import CHECKPOINT, PUSHED, assert_whole, end_of, fetch, start_fetch, wrong_in
from link_faults import FaultProxy
from registry_server import Model, small_model

pytestmark = [pytest.mark.integration, pytest.mark.timeout(3600)]
SEED = chosen_seed()
KILLS = int(os.environ.get("JD_KILLS") or 25)
SIZE = 12_000_000 if KILLS < 100 else 60_000_000
RATE = 10e6
"""Bytes a second and connection: a fetch lasts long enough to be killed in the middle, and opens several."""
SECONDS = SIZE / RATE / 1.5
"""That a fetch takes, about."""


@dataclass(repr=False)
class Link:
    proxy: FaultProxy
    model: Model

    def fetch_killed(self, store: Path, seconds: float) -> bool:
        """Kill the fetch `seconds` after its first byte came, or before; False: it was done by then."""
        before, process = self.proxy.bytes_sent, start_fetch(store, self.proxy.url)
        while seconds >= 0 and self.proxy.bytes_sent == before and process.poll() is None:
            time.sleep(0.005)
        time.sleep(abs(seconds))
        process.send_signal(signal.SIGKILL)
        return end_of(process).code == -signal.SIGKILL


@pytest.fixture(scope="module")
def link(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Link]:
    folder = tmp_path_factory.mktemp("kills")
    with debian_registry(folder / "registry") as url, fault_proxy(url, rate_each=RATE) as proxy:
        yield Link(proxy, push(url, *PUSHED, small_model(SIZE)))


@pytest.mark.fault("F5")
def test_killed_at_random_moments_every_rerun_completes(link: Link, tmp_path: Path) -> None:
    """One to four kills in a row, then a run to the end: cheap in bytes, and never a bad blob."""
    chance, kills, rounds = random.Random(SEED), 0, 0
    while kills < KILLS:
        store, rounds = tmp_path / str(rounds), rounds + 1
        before, in_a_row = link.proxy.bytes_sent, 0
        for _ in range(min(chance.randint(1, 4), KILLS - kills)):
            # Before the first byte: -0.3 s stands for the time that the start takes.
            in_a_row += link.fetch_killed(store, chance.uniform(-0.3, SECONDS))
            assert wrong_in(store) == [], f"JD_SEED={SEED}, round {rounds}"
        ended = fetch(store, link.proxy.url)
        assert ended.code == 0, (ended, f"JD_SEED={SEED}, round {rounds}")
        assert_whole(store, link.model)
        allowed = 1.02 * link.model.size + in_a_row * CHECKPOINT * link.proxy.most_at_once
        assert link.proxy.bytes_sent - before <= allowed, f"JD_SEED={SEED}, round {rounds}, {in_a_row} kills"
        kills += max(in_a_row, 1)


@pytest.mark.fault("F5")
def test_a_kill_at_the_very_end_costs_nothing(link: Link, tmp_path: Path) -> None:
    """Between the last byte and the manifest: the bytes are here and on record."""
    process = start_fetch(tmp_path / "store", link.proxy.url)
    before = link.proxy.bytes_sent
    while link.proxy.bytes_sent - before < link.model.size and process.poll() is None:
        time.sleep(0.002)
    process.kill()
    end_of(process)
    served = link.proxy.bytes_sent
    assert fetch(tmp_path / "store", link.proxy.url).code == 0
    assert link.proxy.bytes_sent - served <= CHECKPOINT * link.proxy.most_at_once


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_fetch_says_so_and_loses_nothing(link: Link, tmp_path: Path, number: signal.Signals) -> None:
    before, process = link.proxy.bytes_sent, start_fetch(tmp_path / "store", link.proxy.url)
    while link.proxy.bytes_sent - before < link.model.size / 3 and process.poll() is None:
        time.sleep(0.002)
    process.send_signal(number)
    ended = end_of(process)
    assert (ended.code, ended.error) == (130, "interrupted")
    assert fetch(tmp_path / "store", link.proxy.url).code == 0
    assert_whole(tmp_path / "store", link.model)
    assert link.proxy.bytes_sent - before <= 1.02 * link.model.size + CHECKPOINT


@pytest.mark.fault("F5")
def test_three_at_once_share_the_work_and_one_may_be_killed(link: Link, tmp_path: Path) -> None:
    store, before = tmp_path / "store", link.proxy.bytes_sent
    processes = [start_fetch(store, link.proxy.url) for _ in range(3)]
    time.sleep(SECONDS / 2)
    processes[0].kill()
    codes = [end_of(process).code for process in processes]
    assert codes[1:] == [0, 0]
    assert_whole(store, link.model)
    assert link.proxy.bytes_sent - before <= 1.02 * link.model.size + CHECKPOINT * link.proxy.most_at_once
