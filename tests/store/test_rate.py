"""The bandwidth cap, with a clock and a sleep of the test's own."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jetson_deploy.errors import UsageError
from jetson_deploy.store.rate import BURST_SECONDS, MOST_SLICE_BYTES, RateLimit, parse_rate


class Hours:
    """Time that passes only while somebody sleeps."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


def test_a_long_transfer_takes_as_long_as_the_rate_says() -> None:
    hours = Hours()
    limit = RateLimit(1000, hours.clock, hours.sleep)
    for _ in range(100):
        limit.take(100)
    assert pytest.approx(hours.now - 1000) == 10 - BURST_SECONDS


@pytest.mark.parametrize("rate", [None, 0, 0.0])
def test_without_a_rate_nobody_waits(rate: float | None) -> None:
    hours = Hours()
    limit = RateLimit(rate, hours.clock, hours.sleep)
    limit.take(1 << 40)
    assert hours.now == 1000
    assert limit.slice_bytes == MOST_SLICE_BYTES


def test_an_idle_hour_saves_up_no_more_than_the_burst() -> None:
    hours = Hours()
    limit = RateLimit(1000, hours.clock, hours.sleep)
    limit.take(1000)
    hours.now += 3600
    before = hours.now
    limit.take(int(1000 * BURST_SECONDS))
    assert hours.now == before
    limit.take(1000)
    assert hours.now - before == pytest.approx(1.0)


def test_nothing_taken_costs_nothing() -> None:
    hours = Hours()
    limit = RateLimit(1, hours.clock, hours.sleep)
    for _ in range(100):
        limit.take(0)
    assert hours.now == 1000


@given(
    rate=st.floats(1, 1e12),
    steps=st.lists(st.tuples(st.integers(1, 1 << 22), st.floats(0, 5)), min_size=1, max_size=50),
)
def test_never_more_than_the_rate_and_one_burst(rate: float, steps: list[tuple[int, float]]) -> None:
    hours, taken = Hours(), 0
    limit = RateLimit(rate, hours.clock, hours.sleep)
    for count, idle in steps:
        limit.take(count)
        taken += count
        assert taken <= rate * (hours.now - 1000 + BURST_SECONDS) * (1 + 1e-6) + rate * 1e-6
        hours.now += idle


@given(rate=st.floats(1, 1e12))
def test_a_slice_is_short_in_time_and_never_empty(rate: float) -> None:
    size = RateLimit(rate).slice_bytes
    assert size == 1 or size <= rate * BURST_SECONDS
    assert 1 <= size <= MOST_SLICE_BYTES


def test_threads_share_one_rate() -> None:
    limit = RateLimit(1_000_000)

    def take_some() -> None:
        for _ in range(10):
            limit.take(5_000)

    threads = [threading.Thread(target=take_some) for _ in range(8)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - began >= 0.4 - BURST_SECONDS


def test_a_sleep_that_is_cut_short_ends_the_call() -> None:
    stop, asked = threading.Event(), []
    stop.set()

    def sleep(seconds: float) -> bool:
        asked.append(seconds)
        return stop.wait(seconds)

    RateLimit(1, sleep=sleep).take(1000)
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("0", 0),
        ("1", 1),
        ("1000", 1000),
        ("500K", 500 * 1024),
        ("500k", 500 * 1024),
        ("2.5M", 2.5 * 1024 * 1024),
        ("1g", 1 << 30),
        ("0M", 0),
    ],
)
def test_a_rate_is_read_as_curl_reads_it(text: str, rate: float) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize("text", ["", "K", "-1", "1T", "1 M", "1MB", "nan", "inf", "1e6", "0.5", ".5M", "٣M", "1M\n"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_rate(text)
    assert refused.value.code == "bad-rate"


@pytest.mark.parametrize("text", ["abc", "0", "0M"])
def test_a_rate_to_reckon_with_is_above_zero_and_no_limit_is_spoken_of(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_rate(text, limit=False)
    assert refused.value.code == "bad-rate"
    assert "no limit" not in refused.value.hint
