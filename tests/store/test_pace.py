"""More connections while they pay, and requests that last a few seconds each."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from jetson_deploy.errors import UsageError
from jetson_deploy.settings import Settings
from jetson_deploy.store.transfer.pace import LARGEST_CHUNK, MIB, SMALLEST_CHUNK, Climb, pace_from


def climbed(rate_of: Callable[[int], float], seconds: int = 60, most: int = 16) -> Climb:
    """After so many seconds on a link that gives `rate_of(connections)` bytes a second."""
    climb = Climb(most)
    for _ in range(seconds):
        climb.sample(rate_of(climb.target))
    return climb


def test_a_lossy_line_that_gives_each_connection_little_gets_many() -> None:
    assert climbed(lambda n: n * 800_000.0).target == 16


def test_a_line_that_one_connection_fills_keeps_few() -> None:
    targets = {climbed(lambda n: 12e6, seconds).target for seconds in range(20, 60)}
    assert targets <= {1, 2}


def test_a_line_that_four_connections_fill_keeps_four_or_tries_eight() -> None:
    targets = [climbed(lambda n: min(n, 4) * 3e6, seconds).target for seconds in range(10, 60)]
    assert set(targets) <= {4, 8}
    assert targets.count(4) > 4 * targets.count(8)


def test_there_are_never_more_than_allowed() -> None:
    assert climbed(lambda n: n * 1e6, most=3).target == 3


@pytest.mark.parametrize("rate", [0.0, 1.0, 10_000.0, 1e6, 1e8, 1e10])
def test_a_request_asks_for_four_seconds_within_bounds(rate: float) -> None:
    climb = Climb(1)
    climb.sample(rate)
    assert SMALLEST_CHUNK <= climb.chunk_bytes <= LARGEST_CHUNK
    assert climb.chunk_bytes % MIB == 0


def test_the_flag_goes_before_the_environment() -> None:
    settings = Settings(limit_rate="1M", checkpoint_mib=2)
    assert pace_from(settings).bytes_per_second == 1 << 20
    assert pace_from(settings, "2k").bytes_per_second == 2048
    assert pace_from(settings, "0").bytes_per_second is None
    assert pace_from(settings).checkpoint_bytes == 2 << 20
    with pytest.raises(UsageError):
        pace_from(Settings(limit_rate="fast"))
