"""Dashboard and rules against the metric table and the alert rules that they are made from."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from promql_words import LABELS, SCRAPED, metrics_of, words, wrong_labels

from jetson_deploy.catalog.load import load_alerts
from jetson_deploy.monitor.dashboards.grafana import dashboard, names_in
from jetson_deploy.monitor.dashboards.panels import ROWS
from jetson_deploy.monitor.dashboards.rule_texts import WORDS
from jetson_deploy.monitor.dashboards.rules import alert_name, rules_text
from jetson_deploy.monitor.metrics import ALERT_METRIC, BY_NAME
from jetson_deploy.monitor.signals import SIGNALS

NOWHERE = Path("/nowhere")
ALERTS = load_alerts(system_dir=NOWHERE, user_dir=NOWHERE)
PANELS = [panel for row in ROWS for panel in row.panels]
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def loaded(text: str) -> Any:
    return yaml.load(text, _LOADER)


@pytest.fixture(scope="module")
def prometheus_rules() -> dict[str, dict[str, Any]]:
    groups = loaded(rules_text(ALERTS))["groups"]
    return {rule.get("alert", rule.get("record")): rule for group in groups for rule in group["rules"]}


def shown_panels() -> list[dict[str, Any]]:
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def test_every_panel_asks_for_metrics_and_labels_that_exist_and_for_the_chosen_boards() -> None:
    for panel in shown_panels():
        for asked in panel["targets"]:
            expression = asked["expr"].replace("$__rate_interval", "1m")
            assert wrong_labels(expression) == set(), panel["title"]
            assert all("instance" in chosen for chosen in metrics_of(expression).values()), expression
            known = SCRAPED.union(*(LABELS[name] for name in metrics_of(expression)))
            assert set(re.findall(r"{{(\w+)}}", asked["legendFormat"])) <= known, panel["title"]


def test_alerts_are_marked_on_the_time_axes() -> None:
    (marks,) = dashboard()["annotations"]["list"]
    assert wrong_labels(marks["expr"]) == set()
    assert set(re.findall(r"{{(\w+)}}", marks["titleFormat"] + marks["textFormat"])) <= SCRAPED | LABELS[ALERT_METRIC]


def test_every_metric_of_the_table_is_shown() -> None:
    assert set(BY_NAME) - {name for panel in PANELS for name in names_in(panel)} == set()


def test_every_panel_has_a_unit_and_says_the_help_of_its_metrics() -> None:
    for panel, shown in zip(PANELS, shown_panels(), strict=True):
        assert shown["fieldConfig"]["defaults"]["unit"], panel.title
        for name in names_in(panel):
            assert name not in BY_NAME or BY_NAME[name].help in shown["description"]


def test_panels_have_an_id_and_a_place_of_their_own() -> None:
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for place in (panel["gridPos"] for panel in panels):
        cells = set(
            itertools.product(range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"]))
        )
        assert not cells & taken and place["x"] + place["w"] <= 24
        taken |= cells
    assert json.loads(json.dumps(dashboard())) == dashboard()


def test_every_data_source_is_the_one_that_is_chosen() -> None:
    sources = re.findall(r'"datasource": ({[^}]*}"})', json.dumps(dashboard()))
    assert set(sources) == {'{"type": "prometheus", "uid": "${DS_PROMETHEUS}"}'}
    assert dashboard()["__inputs"][0]["name"] == dashboard()["templating"]["list"][0]["name"] == "DS_PROMETHEUS"


def test_every_rule_asks_for_metrics_and_labels_that_exist(prometheus_rules: dict[str, dict[str, Any]]) -> None:
    for name, rule in prometheus_rules.items():
        assert wrong_labels(rule["expr"]) == set(), name
    for signal in SIGNALS.values():
        assert wrong_labels(signal.promql) == set()


def test_every_alert_rule_is_one_of_prometheus_with_its_limit_and_its_hold_time(
    prometheus_rules: dict[str, dict[str, Any]],
) -> None:
    for rule in ALERTS.values():
        made = prometheus_rules[alert_name(rule.id)]
        sign = ">" if rule.above is not None else "<"
        assert made["expr"].startswith(f"({SIGNALS[rule.signal].promql}) {sign} {rule.limit:.15g}")
        assert (made["for"], made["keep_firing_for"]) == (f"{rule.hold_seconds:g}s", f"{rule.clear_seconds:g}s")
        assert made["labels"]["severity"] == rule.severity
        assert all(made["annotations"][key].strip() for key in ("summary", "description", "fix"))
        told = set(re.findall(r"Jetson\w+", " ".join(re.findall(r'alertname=~"([^"]*)"', made["expr"]))))
        assert told == set(map(alert_name, rule.hidden_by))


def test_every_word_of_the_signals_has_a_template_over_metrics_that_exist() -> None:
    assert {word for signal in SIGNALS.values() for word in signal.words} - set(WORDS) == set()
    for text in WORDS.values():
        for quoted in re.findall(r'printf ("(?:[^"\\]|\\.)*") \$', text):
            assert wrong_labels(re.sub("%q", '"x"', json.loads(quoted))) == set(), text


@pytest.mark.parametrize(
    ("expression", "wrong"),
    [
        ("jetson_temperature", None),
        ("sum(rat(jetson_power_watts))", None),
        ("jetson_power_watts{zone='x'}".replace("'", '"'), {"zone"}),
        ("sum by (zone) (jetson_power_watts)", {"zone"}),
        ('max by (rail) (jetson_power_watts{rail!~"a,b"}) and on (instance) up == 1', set()),
    ],
)
def test_the_tests_own_reader_of_promql_sees_what_is_wrong(expression: str, wrong: set[str] | None) -> None:
    assert words(expression)
    if wrong is None:
        with pytest.raises(ValueError):
            wrong_labels(expression)
    else:
        assert wrong_labels(expression) == wrong
