"""The predicted speed against published figures (`scripts/bench speed` prints them), power modes and contexts."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from benches.speed import WIDEST, Judged, judged

from jetson_deploy.catalog.load import load_catalog
from jetson_deploy.deploy.survey import survey
from jetson_deploy.deployment.plan import Plan
from jetson_deploy.deployment.request import Request
from jetson_deploy.facts import PowerFacts
from jetson_deploy.plan.make import draft_plan
from jetson_deploy.plan.speed import gpu_floor, pace_of, predict
from jetson_deploy.settings import Settings

HOSTS = Path(__file__).parent.parent / "hosts"
CATALOG = load_catalog()
ROWS = [one for one in judged("rows") if not one.row.aside]
LATER = judged("later")
WEIGHTS = 1e9


def power(mode: str | None, ceiling: str | None = "MAXN_SUPER") -> PowerFacts:
    return PowerFacts(mode=mode, ceiling=ceiling, at_ceiling=None if mode is None else mode == ceiling)


def speeds_in(board: str, mode: str | None, ceiling: str = "MAXN_SUPER") -> tuple[float, float | None]:
    """(middle, floor) for weights of 1 GB."""
    pace = pace_of(CATALOG.boards[board], True, power(mode, ceiling), CATALOG.limits)
    speed = predict(pace, WEIGHTS, CATALOG.limits)
    assert speed is not None
    return speed.middle, gpu_floor(pace, WEIGHTS, CATALOG.limits)


def plan_of(host: str, **asked: object) -> Plan:
    facts = survey(HOSTS / host / "root", Settings(), CATALOG, store=None, deployment="default")
    return draft_plan(facts, msgspec.convert({"name": "default", **asked}, Request), CATALOG).accepted()


def test_of_ten_published_rows_at_least_nine_lie_inside() -> None:
    assert len(ROWS) == 10
    assert sum(one.inside for one in ROWS) >= 9, [one.row.source for one in ROWS if not one.inside]


def test_rows_that_were_read_after_the_constants_were_set_lie_inside_too() -> None:
    assert len(LATER) >= 9
    assert [one.row.name for one in LATER if not one.inside] == []


@pytest.mark.parametrize("one", [*ROWS, *LATER], ids=lambda one: f"{one.row.board} {one.row.mode} {one.row.tok_s[0]}")
def test_a_published_row_passes_the_gate_and_its_range_is_no_wider_than_before(one: Judged) -> None:
    assert one.passes
    assert one.width <= WIDEST


@pytest.mark.parametrize("one", judged("on_cpu"), ids=lambda one: one.row.source.partition(" ")[0])
def test_a_run_on_the_cpu_does_not_pass_the_gate(one: Judged) -> None:
    assert not one.passes


def test_what_is_set_aside_says_why() -> None:
    aside = [one.row.aside for one in judged("rows") if one.row.aside]
    assert len(aside) == 3 and all(len(why) > 20 for why in aside)


def test_a_lower_power_mode_is_slower_in_the_prediction_and_in_the_gate() -> None:
    modes = [speeds_in("orin-nano-8gb", mode) for mode in ("MAXN_SUPER", "25W", "15W", "7W")]
    assert [middle for middle, _ in modes] == sorted((middle for middle, _ in modes), reverse=True)
    floors = [floor for _, floor in modes if floor is not None]
    assert len(floors) == 4 and floors == sorted(floors, reverse=True)
    assert floors[-1] < floors[0] / 2


def test_15w_against_25w_on_an_orin_nano_super_is_as_two_public_benchmarks_found_it() -> None:
    """36 to 47 % on eight models (smolhub.com), 29 to 35 % on three (picocluster-claw.com)."""
    (faster, _), (slower, _) = speeds_in("orin-nano-8gb", "25W"), speeds_in("orin-nano-8gb", "15W")
    assert 1.29 <= faster / slower <= 1.47


def test_the_name_of_a_mode_may_begin_with_mode() -> None:
    assert speeds_in("agx-orin-64gb", "MODE_30W", "MAXN") == speeds_in("agx-orin-64gb", "30W", "MAXN")


def test_a_low_mode_whose_clocks_are_not_on_record_demands_no_speed() -> None:
    middle, floor = speeds_in("agx-orin-64gb", "MODE_OWN_20W", "MAXN")
    assert floor is None
    assert middle == speeds_in("agx-orin-64gb", "MAXN", "MAXN")[0]


def test_a_mode_that_is_not_known_may_be_the_lowest() -> None:
    middle, floor = speeds_in("orin-nano-8gb", None)
    assert middle == speeds_in("orin-nano-8gb", "MAXN_SUPER")[0]
    assert floor == speeds_in("orin-nano-8gb", "7W")[1]


def test_a_t4000_is_slower_than_a_t5000_of_the_same_bandwidth() -> None:
    slow, fast = (plan_of(host).model.predicted_tokens_per_second for host in ("thor-t4000-jp7.1", "thor-t5000-jp7"))
    assert slow is not None and fast is not None
    assert 0.72 <= slow.middle / fast.middle <= 0.85


def test_a_full_context_is_slower_by_the_cache_that_it_reads() -> None:
    model = plan_of("agx-orin-64gb-jp6.2.1", model="14b", context_tokens=131072).model
    short, full = model.predicted_tokens_per_second, model.predicted_when_full
    assert short is not None and full is not None
    assert full.high < short.high / 3
    small = plan_of("agx-orin-64gb-jp6.2.1", model="14b", context_tokens=1024).model
    assert small.predicted_when_full == small.predicted_tokens_per_second


def test_a_long_context_counts_when_a_model_is_chosen() -> None:
    model = plan_of("agx-orin-64gb-jp6.2.1", context_tokens=131072).model
    assert model.name == "deepseek-r1:8b"
    (passed,) = (one.reason for one in model.rejected if one.name == "deepseek-r1:14b")
    assert "tok/s" in passed


@pytest.mark.parametrize(
    ("host", "chosen", "offered"),
    [
        ("thor-t5000-jp7", "32b", "70b"),
        ("thor-t4000-jp7.1", "32b", "70b"),
        ("agx-xavier-32gb-jp5.1.1", "14b", "32b"),
        ("agx-orin-64gb-jp6.2.1", "32b", "70b"),
    ],
)
def test_a_size_whose_middle_is_not_usable_is_offered_with_its_figures(host: str, chosen: str, offered: str) -> None:
    plan = plan_of(host)
    assert plan.model.name == f"deepseek-r1:{chosen}"
    assert f"deepseek-r1:{offered} fits too, at " in plan.model.reason and "tok/s" in plan.model.reason
    named = plan_of(host, model=offered).model
    assert named.predicted_tokens_per_second is not None and named.predicted_tokens_per_second.middle < 4
