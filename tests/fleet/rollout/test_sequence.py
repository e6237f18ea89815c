"""`rollout:` of fleet.yaml, and the hours in which devices may be changed."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import quick_yaml

from jetson_deploy.errors import UsageError
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.rollout.amount import Amount
from jetson_deploy.fleet.rollout.batches import check_fields
from jetson_deploy.fleet.rollout.sequence import Budget, rules
from jetson_deploy.fleet.rollout.window import window

REFUSED = quick_yaml.loaded((Path(__file__).parent / "refused_sections.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: str(case["section"]))
def test_what_cannot_be_meant_is_refused_with_its_key_and_a_hint(case: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as refused:
        rules(case["section"])
    assert case["message"] in refused.value.message
    assert refused.value.hint
    assert refused.value.message.isprintable()


def test_a_mistyped_key_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError) as refused:
        rules({"sequence": [{"selecter": "all"}]})
    assert refused.value.hint.startswith("did you mean selector? keys of rollout: sequence,")


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"sequence": [{"selector": {"variables.rak": "a"}}]}, "sequence[0].selector: no device has variables.rak=a"),
        (
            {"sequence": [{}, {"selector": {"variables.rack": "z"}}]},
            "sequence[1].selector: no device has variables.rack",
        ),
        ({"disruption_budget": {"group_by": "variables.rak"}}, "group_by: no device has variables.rak"),
    ],
)
def test_a_field_that_no_device_has_is_refused_as_a_pattern_that_matches_none(
    section: dict[str, Any], message: str
) -> None:
    devices = [Device(name="a1", variables={"rack": "a"}), Device(name="b1", variables={"rack": "b"})]
    check_fields(rules({"sequence": [{"selector": {"variables.rack": ["a", "c"]}}]}), devices)
    with pytest.raises(UsageError) as refused:
        check_fields(rules(section), devices)
    assert message in refused.value.message


def test_a_whole_section_is_read() -> None:
    found = rules(
        {
            "success_threshold": "95%",
            "soak": "10m",
            "sequence": [{"selector": {"variables.rack": "a"}, "limit": 1, "soak": 30}],
            "disruption_budget": {"min_available": "50%", "max_unavailable": 3, "group_by": "variables.rack"},
            "update_window": {"days": ["Saturday", "sun"], "hours": "22:00-05:00"},
        }
    )
    assert (found.success_threshold, found.soak) == (95, 600)
    assert (found.sequence[0].success_threshold, found.sequence[0].soak) == (95, 30)
    assert found.disruption_budget == Budget(
        min_available=Amount(number=50, percent=True), max_unavailable=Amount(number=3), group_by="variables.rack"
    )
    assert found.update_window is not None
    assert found.update_window.days == ("sat", "sun")


CET = timezone(timedelta(hours=1))
FRIDAY = datetime(2026, 11, 27, tzinfo=CET)


@pytest.mark.parametrize(
    ("hour", "day", "is_open"),
    [
        (21, 0, False),
        (22, 0, True),
        (23, 0, True),
        (4, 1, True),
        (5, 1, False),
        (22, 1, False),
        (4, 0, False),
    ],
)
def test_a_window_over_midnight_belongs_to_the_day_on_which_it_opens(hour: int, day: int, is_open: bool) -> None:
    assert window(("fri",), "22:00-05:00").is_open(FRIDAY + timedelta(days=day, hours=hour)) is is_open


@pytest.mark.parametrize(
    ("hour", "opens"),
    [(1, "2026-11-27T09:30"), (20, "2026-11-30T09:30"), (9, "2026-11-27T09:30")],
    ids=["the same day", "after the weekend", "in a moment"],
)
def test_a_closed_window_says_when_it_opens(hour: int, opens: str) -> None:
    found = window(("mon", "tue", "wed", "thu", "fri"), "09:30-17:00")
    now = FRIDAY + timedelta(hours=hour)
    assert not found.is_open(now)
    opening = found.next_opening(now)
    assert opening == datetime.fromisoformat(opens).replace(tzinfo=CET)
    assert found.is_open(opening)


def test_a_window_of_days_alone_is_open_for_the_whole_day() -> None:
    found = window(("fri",), None)
    assert found.is_open(FRIDAY)
    assert found.is_open(FRIDAY + timedelta(hours=23, minutes=59))
    assert not found.is_open(FRIDAY + timedelta(days=1))
