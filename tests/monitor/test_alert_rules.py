"""The rules that ship, and what an overlay may change in them."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from jetson_deploy.catalog.alert_rules import AlertRule, places
from jetson_deploy.catalog.load import load_alerts
from jetson_deploy.errors import CatalogError
from jetson_deploy.monitor.alerts.rules import checked
from jetson_deploy.monitor.metrics import AGE_METRIC, ALERT_METRIC, BY_NAME
from jetson_deploy.monitor.sample import Sample
from jetson_deploy.monitor.signals import SIGNALS

TABLE = {
    *("thermal-near", "thermal-throttle", "undervoltage", "avg-power", "oc3-rate", "clocks-lost", "power-mode"),
    *("ram-low", "ram-critical", "memory-pressure", "swap-thrash", "zram-full", "oom", "cpu-fallback", "partly-on-cpu"),
    *("tps-drop", "queue", "requests-refused", "server-down", "container-restarts", "disk-low", "disk-critical"),
    *("disk-read-only", "fan-stuck", "source-stale"),
}
NEW = """\
id: mine
title: my own
signal: memory_available_ratio
severity: warning
below: 0.5
hold_seconds: 1
cause: "{value:.0%} are left."
fix: "Free some."
source: [me]
confidence: inferred
"""


@pytest.fixture(scope="module")
def nowhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("none") / "absent"


@pytest.fixture(scope="module")
def rules(nowhere: Path) -> dict[str, AlertRule]:
    return load_alerts(system_dir=nowhere, user_dir=nowhere)


@pytest.fixture
def overlaid(tmp_path: Path, nowhere: Path) -> Callable[[str, str], dict[str, AlertRule]]:
    def load(name: str, text: str) -> dict[str, AlertRule]:
        path = tmp_path / "profiles" / "alerts" / f"{name}.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")
        return load_alerts([tmp_path], system_dir=nowhere, user_dir=nowhere)

    return load


def test_the_whole_table_is_there(rules: dict[str, AlertRule]) -> None:
    assert set(rules) >= TABLE


def test_every_signal_is_used_and_every_used_one_exists(rules: dict[str, AlertRule]) -> None:
    assert {rule.signal for rule in rules.values()} == set(SIGNALS)
    assert len(checked(rules)) == len(rules)


def test_every_text_is_a_sentence_and_titles_are_not(rules: dict[str, AlertRule]) -> None:
    for rule in rules.values():
        assert rule.title[0].islower() or rule.title.startswith("jetson"), rule.id
        assert not rule.title.endswith("."), rule.id
        for text in (rule.cause, rule.fix):
            assert re.search(r"[.)]$", text), rule.id
            assert len(text) <= 200, rule.id
            list(places(text))


def test_every_cause_shows_what_was_measured(rules: dict[str, AlertRule]) -> None:
    flags = {id_ for id_, rule in rules.items() if SIGNALS[rule.signal].unit == "flag"}
    silent = {id_ for id_, rule in rules.items() if not list(places(rule.cause))}
    assert silent <= flags
    assert silent == {"clocks-lost"}


def test_no_alert_is_hidden_by_one_of_less_weight(rules: dict[str, AlertRule]) -> None:
    weight = {"critical": 0, "warning": 1, "info": 2}
    lighter = [
        (rule.id, other)
        for rule in rules.values()
        for other in rule.hidden_by
        if weight[rules[other].severity] > weight[rule.severity]
    ]
    assert lighter == []


@pytest.mark.parametrize("name", SIGNALS)
def test_a_signal_of_a_board_that_tells_nothing_is_unknown_and_never_a_number(name: str) -> None:
    values = SIGNALS[name].read([Sample(at=0.0, monotonic=0.0)])
    assert set(values.values()) <= {None}


@pytest.mark.parametrize("name", SIGNALS)
def test_the_expression_for_prometheus_speaks_of_our_metrics_alone(name: str) -> None:
    known = {*BY_NAME, ALERT_METRIC, AGE_METRIC}
    found = set(re.findall(r"jetson_[a-z0-9_]+", SIGNALS[name].promql))
    assert found
    assert found <= known
    for metric, matchers in re.findall(r"(jetson_[a-z0-9_]+)\{([^}]*)\}", SIGNALS[name].promql):
        assert set(re.findall(r"(\w+)(?:=~|!=|=)", matchers)) <= set(BY_NAME[metric].labels)


def test_an_overlay_changes_one_limit_and_leaves_the_rest(
    overlaid: Callable[[str, str], dict[str, AlertRule]], rules: dict[str, AlertRule]
) -> None:
    changed = overlaid("ram-low", "below: 0.2\nclear: 0.25\n")
    assert (changed["ram-low"].below, changed["ram-low"].title) == (0.2, rules["ram-low"].title)
    assert {id_ for id_, rule in changed.items() if rule != rules[id_]} == {"ram-low"}


def test_an_overlay_adds_a_rule(overlaid: Callable[[str, str], dict[str, AlertRule]]) -> None:
    assert overlaid("mine", NEW)["mine"].below == 0.5


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("ram-low", "bellow: 0.2\n", "did you mean below?"),
        ("ram-low", "below: 0.2\n", "it could never end"),
        ("ram-low", "above: 0.2\n", "exactly one of above and below"),
        ("ram-low", "below: x\n", "must be"),
        ("ram-low", "severity: fatal\n", "fatal is not valid here"),
        ("ram-low", "hold_seconds: -1\n", "hold_seconds"),
        ("ram-low", "hidden_by: [ram-crit]\n", "did you mean ram-critical?"),
        ("ram-low", "hidden_by: [ram-low]\n", "no other alert ram-low"),
        ("ram-low", "cause: '{value.real}'\n", "is not a plain name"),
        ("ram-low", "cause: '{value'\n", "cannot be filled in"),
        ("ram-low", "cause: '{value!r}'\n", "is not a plain name"),
        ("ram-low", "fix: ' '\n", "must be one line of text"),
        ("mine", NEW.replace("id: mine", "id: other"), "differ"),
        ("Mine", NEW.replace("id: mine", "id: Mine"), "is not an id"),
        ("mine", NEW.replace("hold_seconds: 1\n", ""), "hold_seconds is missing"),
        ("ram-lo", "below: 0.2\n", "did you mean ram-low?"),
    ],
)
def test_a_faulty_overlay_is_refused_with_file_and_remedy(
    name: str, text: str, words: str, overlaid: Callable[[str, str], dict[str, AlertRule]]
) -> None:
    with pytest.raises(CatalogError) as caught:
        overlaid(name, text)
    assert words in f"{caught.value.message}\n{caught.value.hint}"
    assert f"profiles/alerts/{name}.yaml" in caught.value.message


def test_the_signals_read_the_sample_and_no_clock() -> None:
    package = Path(__file__).parents[2] / "jetson_deploy" / "monitor" / "alerts"
    pure = ("judge", "alert_state", "window", "heat_and_fans", "power_and_clocks", "memory_and_disks", "model_side")
    for name in pure:
        tree = ast.parse((package / f"{name}.py").read_text(encoding="utf-8"))
        names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        assert not names & {"time", "datetime", "os"}, name
