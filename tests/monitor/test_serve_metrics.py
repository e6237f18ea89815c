"""/metrics: what Prometheus' own parser reads of it."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from served_monitor import FALLBACK, NEAR, Clock, full_sample, monitor_of

from jetson_deploy import __version__
from jetson_deploy.monitor.board_parts import Cooler, Gpu, Zone
from jetson_deploy.monitor.metrics import AGE_METRIC, ALERT_METRIC, METRICS, values
from jetson_deploy.monitor.model_parts import Llm, Model, Server
from jetson_deploy.monitor.monitor import Monitor
from jetson_deploy.monitor.sample import Board, Sample
from jetson_deploy.monitor.serve.exposition import BUILD_METRIC, Exposition

Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def scraped(monitor: Monitor, now: float = 1000.5) -> Series:
    """Every series; one that came twice would not be told from one here, so that is asked first."""
    text = Exposition(monitor, Clock(now)).text().decode()
    samples = [one for family in text_string_to_metric_families(text) for one in family.samples]
    keys = [(one.name, tuple(sorted(one.labels.items()))) for one in samples]
    assert [key for key, times in Counter(keys).items() if times > 1] == []
    return {key: one.value for key, one in zip(keys, samples, strict=True)}


def test_every_value_of_the_sample_is_a_series_and_nothing_else_is() -> None:
    sample = full_sample(3)
    found = scraped(monitor_of(sample))
    expected = {
        (metric.name, tuple(sorted(zip(metric.labels, labels, strict=True)))): float(value)
        for metric, known in values(sample)
        for labels, value in known
    }
    ours = {key: value for key, value in found.items() if key[0] not in (AGE_METRIC, ALERT_METRIC, BUILD_METRIC)}
    assert ours == expected
    assert len(ours) > 100


def test_the_full_sample_of_these_tests_knows_almost_every_metric() -> None:
    shown = {metric.name for metric, _ in values(full_sample(3))}
    missing = {metric.name for metric in METRICS} - shown
    assert missing <= {"jetson_memory_gpu_bytes", "jetson_emc_load_ratio", "jetson_engine_frequency_hertz"}


def test_types_and_help_stand_there_and_counters_keep_their_total() -> None:
    text = Exposition(monitor_of(full_sample(3)), Clock()).text().decode()
    for metric in METRICS:
        if f"\n{metric.name}" in text:
            assert f"# TYPE {metric.name} {metric.kind}\n" in text
            assert f"# HELP {metric.name} {metric.help}\n" in text
    assert "_created" not in text


def test_what_is_unknown_has_no_series() -> None:
    board = Board(gpus=(Gpu(name="g"),), zones=(Zone(name="z"),), swaps=None)
    found = scraped(monitor_of(Sample(at=1.0, monotonic=1000.0, board=board)))
    assert {name for name, _ in found} == {"jetson_info", AGE_METRIC, BUILD_METRIC}


def test_before_the_first_sample_only_the_build_is_told() -> None:
    assert scraped(monitor_of()) == {(BUILD_METRIC, (("version", __version__),)): 1.0}


def test_what_fires_is_a_series_with_its_severity_and_subject() -> None:
    found = scraped(monitor_of(full_sample(), firing=(NEAR, FALLBACK)))
    assert {labels for name, labels in found if name == ALERT_METRIC} == {
        (("alert", "thermal-near"), ("severity", "warning"), ("subject", "tj-thermal")),
        (("alert", "cpu-fallback"), ("severity", "critical"), ("subject", "deepseek-r1:8b")),
    }


@pytest.mark.parametrize("age", [0.0, 3.5, 4000.0])
def test_a_monitor_that_hangs_still_answers_and_the_age_tells(age: float) -> None:
    found = scraped(monitor_of(full_sample()), 1000.0 + age)
    assert found[AGE_METRIC, ()] == age
    assert any(name == "jetson_power_total_watts" for name, _ in found)


def test_two_parts_of_one_name_are_one_series_with_the_larger_value() -> None:
    board = Board(coolers=tuple(Cooler(kind="pwm-fan", state=state) for state in (1, 3, 2)))
    found = scraped(monitor_of(Sample(at=1.0, monotonic=1000.0, board=board)))
    assert found["jetson_throttle_state", (("device", "pwm-fan"),)] == 3.0


_NAMES = st.text(max_size=20) | st.sampled_from(['a"} 1\nevil 2', "\\", "\\n", "\n", "{}", "\udc80", "𝄞", ""])


@settings(max_examples=40, deadline=None)
@given(st.lists(_NAMES, min_size=1, max_size=4, unique=True))
def test_no_name_breaks_the_text_and_each_comes_back_as_it_was(names: list[str]) -> None:
    models = tuple(Model(name=name, size_bytes=1) for name in names)
    server = Server(up=True, endpoint="http://127.0.0.1:11434", tokens_from="log")
    sample = Sample(at=1.0, monotonic=1000.0, llm=Llm(server=server, models=models))
    found = scraped(monitor_of(sample))
    read = {labels[0][1] for name, labels in found if name == "jetson_llm_model_size_bytes"}
    assert read == {name.encode("utf-8", "replace").decode() for name in names}


def test_a_value_that_is_no_number_is_told_as_such() -> None:
    board = Board(gpus=(Gpu(name="g", load=math.inf),))
    found = scraped(monitor_of(Sample(at=1.0, monotonic=1000.0, board=board)))
    assert found["jetson_gpu_load_ratio", (("gpu", "g"),)] == math.inf


def test_a_scrape_takes_no_sample() -> None:
    monitor = monitor_of(full_sample())
    before = monitor.latest
    scraped(monitor)
    assert monitor.latest is before
    assert len(monitor.recent) == 1


def test_the_page_of_this_package_lies_beside_it() -> None:
    page = Path(__file__).parents[2] / "jetson_deploy/monitor/serve/page"
    assert "MIT" in (page / "LICENSE-uPlot").read_text()
    assert msgspec.json.encode((page / "uplot.js").read_text()[:60]).startswith(
        b'"/*! https://github.com/leeoniya/uPlot'
    )
