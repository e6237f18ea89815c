"""What is told, and when, while a board and its model change: one file for each story."""

from __future__ import annotations

from pathlib import Path

import pytest
from scenario_player import SCENARIOS, read_scenario, timeline

from jetson_deploy.catalog.alert_rules import AlertRule
from jetson_deploy.catalog.load import load_alerts

NAMES = sorted(path.stem for path in SCENARIOS.glob("*.yaml"))


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> dict[str, AlertRule]:
    """The built-in ones, whatever this machine has in its own directories."""
    nowhere = tmp_path_factory.mktemp("none") / "absent"
    return load_alerts(system_dir=nowhere, user_dir=nowhere)


@pytest.fixture(scope="module")
def boards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("boards")


@pytest.mark.parametrize("name", NAMES)
def test_a_story_is_told_as_it_should_be(name: str, rules: dict[str, AlertRule], boards: Path) -> None:
    scenario = read_scenario(name)
    told = [
        (at, change.alert.id, change.alert.subject, change.state) for at, change in timeline(scenario, rules, boards)
    ]
    assert told == scenario.expect, scenario.title


def test_every_rule_is_told_in_one_of_them(rules: dict[str, AlertRule]) -> None:
    told = {id_ for name in NAMES for _, id_, _, state in read_scenario(name).expect if state == "firing"}
    assert told == set(rules)


def test_no_more_than_information_is_told_of_over_currents_on_maxn_super(rules: dict[str, AlertRule]) -> None:
    expected = read_scenario("over-current-storm-on-maxn-super").expect
    assert {rules[id_].severity for _, id_, _, _ in expected} == {"info"}
