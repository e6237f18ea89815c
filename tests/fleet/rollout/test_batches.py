"""Which devices go together: every device in exactly one batch, canaries first."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from fleet_work import everything
from hypothesis import given, settings
from hypothesis import strategies as st

from jetson_deploy.errors import UsageError
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.rollout.amount import Amount
from jetson_deploy.fleet.rollout.batches import Batch, Canary, batches
from jetson_deploy.fleet.rollout.sequence import rules

NAMES = st.lists(
    st.text("abc", min_size=1, max_size=3).map(lambda text: text + "1"), unique=True, min_size=1, max_size=30
)
RULE = st.fixed_dictionaries(
    {},
    optional={
        "selector": st.sampled_from(["all", "a", "b", {"variables.rack": "a"}, {"variables.rack": ["b", "c"]}]),
        "limit": st.integers(1, 9) | st.integers(1, 100).map(lambda number: f"{number}%"),
    },
)


def fleet(names: Sequence[str]) -> list[Device]:
    return [Device(name=name, variables={"rack": name[0]}) for name in names]


def split(names: Sequence[str], section: dict[str, object] | None = None, **canary: object) -> tuple[Batch, ...]:
    return batches(fleet(names), rules(section), match=everything, canary=Canary(**canary))  # type: ignore[arg-type]


@settings(max_examples=40, deadline=None)
@given(names=NAMES, sequence=st.lists(RULE, max_size=4), data=st.data())
def test_every_device_is_in_exactly_one_batch(names: list[str], sequence: list[object], data: st.DataObject) -> None:
    keys = {name: data.draw(st.sampled_from([None, "orin", "xavier"])) for name in names}
    named = data.draw(st.lists(st.sampled_from(names), unique=True, max_size=2))
    size = data.draw(st.none() | st.just(Amount(number=2)) | st.just(Amount(number=30, percent=True)))
    parts = batches(
        fleet(names),
        rules({"sequence": sequence}),
        match=everything,
        canary=Canary(named=tuple(named), keys=keys),
        size=size,
    )
    assert sorted(name for part in parts for name in part.devices) == sorted(names)
    assert all(part.devices for part in parts)
    assert [part.number for part in parts] == list(range(1, len(parts) + 1))
    assert not named or set(parts[0].devices) == set(named)


@settings(max_examples=20, deadline=None)
@given(names=NAMES, data=st.data())
def test_without_a_sequence_one_device_of_each_plan_goes_first(names: list[str], data: st.DataObject) -> None:
    keys = {name: data.draw(st.sampled_from(["orin", "xavier", "thor"])) for name in names}
    first = split(names, keys=keys)[0]
    assert first.title == "canary"
    assert first.success_threshold == 100
    assert sorted(keys[name] for name in first.devices) == sorted(set(keys.values()))


def test_without_a_sequence_a_quarter_of_all_follows_each_time() -> None:
    names = [f"a{number}" for number in range(20)]
    sizes = [len(part.devices) for part in split(names, keys=dict.fromkeys(names, "orin"))]
    assert sizes == [1, 5, 5, 5, 4]


def test_devices_that_could_not_be_asked_are_in_one_last_batch() -> None:
    names = [f"a{number}" for number in range(8)]
    keys = {name: "orin" if number % 2 else None for number, name in enumerate(names)}
    parts = split(names, keys=keys)
    assert parts[-1].title == "without a plan"
    assert parts[-1].devices == ("a0", "a2", "a4", "a6")
    assert [part.devices for part in parts[:-1]] == [("a1",), ("a3", "a5"), ("a7",)]


def test_a_percentage_is_of_what_the_selector_matches() -> None:
    names = ["a1", "a2", "a3", "a4", "b1", "b2"]
    section: dict[str, object] = {
        "sequence": [{"selector": "a", "limit": 1}, {"selector": "a", "limit": "50%"}, {"selector": "b", "limit": 1}]
    }
    assert [part.devices for part in split(names, section)] == [("a1",), ("a2", "a3"), ("b1",), ("a4", "b2")]


def test_a_batch_of_its_own_threshold_and_soak_keeps_them_and_the_rest_has_the_rollouts() -> None:
    section: dict[str, object] = {
        "success_threshold": 80,
        "soak": "2m",
        "sequence": [{"limit": 1, "success_threshold": "100%", "soak": "1h"}],
    }
    assert [(part.success_threshold, part.soak) for part in split(["a1", "a2"], section)] == [(100, 3600), (80, 120)]


@pytest.mark.parametrize(
    ("section", "canary"),
    [({}, {"named": ("z9",)}), ({"sequence": [{"selector": {"rack": "a"}}]}, {})],
    ids=["a canary that is not selected", "a selector of an unknown field"],
)
def test_what_names_nothing_is_refused(section: dict[str, object], canary: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        split(["a1"], section, **canary)


def test_devices_that_are_as_wanted_already_are_checked_together_before_any_is_changed() -> None:
    names = [f"a{number}" for number in range(6)]
    keys = dict.fromkeys(names, "orin")
    parts = split(names, keys=keys, as_wanted=frozenset({"a1", "a4"}))
    assert [(part.title, part.devices) for part in parts[:2]] == [
        ("as wanted already", ("a1", "a4")),
        ("canary", ("a0",)),
    ]


def test_a_named_canary_goes_before_those_that_are_checked() -> None:
    parts = split(["a1", "a2", "a3"], keys=dict.fromkeys(["a1", "a2"], "x"), named=("a3",), as_wanted=frozenset({"a1"}))
    assert [part.title for part in parts[:2]] == ["canary", "as wanted already"]
