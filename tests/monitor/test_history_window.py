"""What people type for a time, a size, a series."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from jetson_deploy.errors import UsageError
from jetson_deploy.monitor.history.selection import (
    chosen_series,
    chosen_window,
    parse_size,
    parse_span,
    parse_time,
    rfc3339,
    rounded,
)

NOW = 1_800_000_000.0
KNOWN = ["gpu_load_ratio.17000000.gpu", "power_total_watts", "power_watts.VDD_IN", "temperature_celsius.tj-thermal"]
TIMES = {
    "now": NOW,
    "90s": NOW - 90,
    "30m": NOW - 1800,
    "2h": NOW - 7200,
    "1.5h": NOW - 5400,
    "1h30m": NOW - 5400,
    "7d": NOW - 7 * 86_400,
    "1w": NOW - 7 * 86_400,
    "2027-01-15T08:00:00Z": NOW,
    "2027-01-15T09:00:00+01:00": NOW,
    "2027-01-15T08:00:00.250+00:00": NOW + 0.25,
    "2027-01-15 08:00:00z": NOW,
    "2027-01-15": datetime(2027, 1, 15).astimezone(timezone.utc).timestamp(),
}


@pytest.mark.parametrize("text, at", TIMES.items())
def test_a_time_is_understood(text: str, at: float) -> None:
    assert parse_time(text, NOW) == at * 1000


@pytest.mark.parametrize("text", ["", "yesterday", "2h ago", "-2h", "h", "2027-13-01", "0h", "١h", "9" * 30 + "s"])
def test_another_text_is_refused_with_what_would_do(text: str) -> None:
    with pytest.raises(UsageError, match=r"is not a time|is not a span") as refused:
        parse_time(text, NOW)
    assert "30m" in refused.value.hint


def test_a_window_that_ends_before_it_begins_is_refused() -> None:
    assert chosen_window("2h", None, NOW).until is None
    with pytest.raises(UsageError, match="is after"):
        chosen_window("1h", "2h", NOW)


@pytest.mark.parametrize("text, size", [("512M", 1 << 29), ("1G", 1 << 30), ("2 GiB", 1 << 31), ("16777216", 1 << 24)])
def test_a_size_is_understood(text: str, size: int) -> None:
    assert parse_size(text, 1 << 24) == size


@pytest.mark.parametrize("text", ["", "1M", "lots", "-1G", "1.5G"])
def test_another_size_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"is not a size|is too small"):
        parse_size(text, 1 << 24)


def test_series_are_chosen_by_name_and_by_pattern_each_once() -> None:
    assert chosen_series(["power*", "power_total_watts"], KNOWN) == ["power_total_watts", "power_watts.VDD_IN"]


@pytest.mark.parametrize(
    "wanted, near", [("power_total_wats", "power_total_watts"), ("*tj*x", "monitor history"), ("tj", "tj-thermal")]
)
def test_an_unknown_series_is_refused_with_the_nearest_names(wanted: str, near: str) -> None:
    with pytest.raises(UsageError, match="no series") as refused:
        chosen_series([wanted], KNOWN)
    assert near in refused.value.hint


def test_times_and_values_are_told_as_they_were_kept() -> None:
    assert rfc3339(1_800_000_000_250) == "2027-01-15T08:00:00.250Z"
    assert rfc3339(10**18) == "1000000000000000000"
    assert [rounded(48.28099822998047), rounded(8e9), rounded(0.5)] == [48.281, 8_000_000_000, 0.5]
    assert parse_span("1w") == 604_800
