"""Rates between two samples: right where both are known, None where a counter started again."""

from __future__ import annotations

import pytest

from jetson_deploy.monitor.board_parts import OverCurrent, Paging, Traffic
from jetson_deploy.monitor.derived import decode_rate, joules_per_token, over_current_rate, swap_rate, traffic_rate
from jetson_deploy.monitor.model_parts import Llm, Model, Server
from jetson_deploy.monitor.sample import Board, Sample


def board(at: float, *, boot: str | None = "a", uptime: float | None = None, count: int | None = 0) -> Sample:
    """`count`: what every counter of the board stands at; None: they cannot be read."""
    return Sample(
        at=at,
        monotonic=at,
        board=Board(
            boot_id=boot,
            uptime_seconds=uptime,
            paging=Paging(swapped_in_pages=count, swapped_out_pages=count),
            over_currents=() if count is None else (OverCurrent(line="oc3", count=count),),
            traffic=()
            if count is None
            else (Traffic(name="eth0", kind="network", in_bytes=count, out_bytes=count * 10),),
        ),
    )


def served(at: float, *models: Model, joules: float | None = None, counted: bool = True) -> Sample:
    server = Server(up=True, endpoint="http://127.0.0.1:11434", tokens_from="log" if counted else None)
    return Sample(at=at, monotonic=at, llm=Llm(server=server, models=models), energy_joules=joules)


def made(tokens: int, seconds: float = 0.0, name: str = "r1") -> Model:
    return Model(name=name, decode_tokens=tokens, decode_seconds=seconds)


def rates(before: Sample, now: Sample) -> tuple[object, ...]:
    return swap_rate(before, now), over_current_rate(before, now, "oc3"), traffic_rate(before, now, "eth0")


def test_counters_become_rates_over_the_time_between_the_samples() -> None:
    assert rates(board(10, count=100), board(12, count=160)) == (60.0, 30.0, (30.0, 300.0))


def test_counters_that_stand_still_have_the_rate_zero() -> None:
    assert rates(board(10, count=100), board(12, count=100)) == (0.0, 0.0, (0.0, 0.0))


@pytest.mark.parametrize(
    ("before", "now"),
    [
        pytest.param(board(10, count=100), board(12, count=99), id="a counter went back"),
        pytest.param(board(10, count=100), board(12, count=160, boot="b"), id="another boot"),
        pytest.param(
            board(10, boot=None, uptime=50, count=1), board(12, boot=None, uptime=3, count=2), id="the uptime went back"
        ),
        pytest.param(board(10, count=100), board(10, count=160), id="no time between"),
        pytest.param(board(12, count=100), board(10, count=160), id="another run's clock"),
        pytest.param(board(10, count=None), board(12, count=160), id="unknown before"),
        pytest.param(board(10, count=100), board(12, count=None), id="unknown now"),
    ],
)
def test_a_rate_that_cannot_be_told_is_none(before: Sample, now: Sample) -> None:
    assert rates(before, now) == (None, None, None)


def test_unknown_names_have_no_rate() -> None:
    before, now = board(10, count=1), board(12, count=2)
    assert over_current_rate(before, now, "oc1") is None
    assert traffic_rate(before, now, "wlan0") is None


def test_the_decode_rate_is_of_the_time_in_which_tokens_were_made() -> None:
    before, now = served(10, made(100, 10.0)), served(20, made(150, 12.5))
    assert decode_rate(before, now, "r1") == 20.0


def test_a_model_that_came_in_between_started_at_zero() -> None:
    assert decode_rate(served(10), served(20, made(50, 2.5)), "r1") == 20.0
    assert joules_per_token(served(10, joules=0.0), served(20, made(50), joules=100.0)) == 2.0


def test_joules_per_token_counts_the_tokens_of_all_models() -> None:
    before = served(10, made(100), made(10, name="tiny"), joules=1000.0)
    now = served(20, made(130), made(30, name="tiny"), joules=1150.0)
    assert joules_per_token(before, now) == 3.0


@pytest.mark.parametrize(
    ("before", "now"),
    [
        pytest.param(served(1, made(9, 1), joules=1.0), served(2, made(9, 1), joules=2.0), id="none made"),
        pytest.param(served(1, made(9, 1), joules=1.0), served(2, made(3, 0.5), joules=2.0), id="server restarted"),
        pytest.param(
            served(1, made(9, 1), joules=1.0, counted=False),
            served(2, made(19, 2), joules=2.0),
            id="not counted before",
        ),
        pytest.param(
            served(1, made(9, 1), joules=1.0), served(2, made(19, 2), joules=2.0, counted=False), id="not counted now"
        ),
        pytest.param(served(1, made(9, 1), joules=1.0), Sample(at=2, monotonic=2, energy_joules=2.0), id="no server"),
    ],
)
def test_tokens_that_cannot_be_told_have_no_rate_and_no_price(before: Sample, now: Sample) -> None:
    assert decode_rate(before, now, "r1") is None
    assert joules_per_token(before, now) is None


@pytest.mark.parametrize(("before", "now"), [(None, 5.0), (5.0, None), (5.0, 1.0)])
def test_energy_that_is_unknown_or_began_again_gives_no_price(before: float | None, now: float | None) -> None:
    assert joules_per_token(served(1, made(1), joules=before), served(2, made(9), joules=now)) is None


def test_a_model_that_left_leaves_no_price_for_the_window() -> None:
    before = served(1, made(1), made(50, name="tiny"), joules=1.0)
    assert joules_per_token(before, served(2, made(9), joules=9.0)) is None
