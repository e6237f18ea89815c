"""/api/sample, /api/recent, /healthz: what the page and programs read."""

from __future__ import annotations

import msgspec
import pytest
from served_monitor import BEGAN, MIB, NEAR, full_sample, monitor_of

from jetson_deploy.monitor.board_parts import Zone
from jetson_deploy.monitor.model_parts import Llm, Model, Server
from jetson_deploy.monitor.monitor import RECENT
from jetson_deploy.monitor.sample import Board, Sample, SourceFailure
from jetson_deploy.monitor.serve.age import age_of
from jetson_deploy.monitor.serve.charts import columns
from jetson_deploy.monitor.serve.documents import SampleDocument, recent_document, sample_document
from jetson_deploy.monitor.thermal import nearest, warmest


def read(monitor_document: bytes) -> SampleDocument:
    return msgspec.json.decode(monitor_document, type=SampleDocument)


def test_the_document_is_the_last_sample_and_what_fires() -> None:
    samples = [full_sample(n) for n in range(5)]
    told = read(sample_document(monitor_of(*samples, firing=(NEAR,)), 1004.5))
    assert told.sample == samples[-1]
    assert told.firing == (NEAR,)
    assert (told.age_seconds, told.stale, told.period_seconds) == (0.5, False, 1.0)


def test_what_follows_from_the_samples_is_reckoned_once() -> None:
    samples = [full_sample(n) for n in range(7)]
    told = read(sample_document(monitor_of(*samples), 1006.0)).derived
    assert (told.hottest_zone, told.nearest_zone) == ("tj-thermal", "tj-thermal")
    assert told.headroom_celsius == pytest.approx(99.0 - (told.hottest_celsius or 0))
    assert told.model_bytes == 5600 * MIB
    assert told.joules_per_token == pytest.approx(20 * 6 / 48)
    assert told.lately_decoding == ("deepseek-r1:8b",)


def test_where_nothing_is_known_nothing_is_invented() -> None:
    bare = Sample(at=1.0, monotonic=1000.0, board=Board(zones=(Zone(name="z"),)))
    told = read(sample_document(monitor_of(bare), 1000.0)).derived
    assert {getattr(told, name) for name in told.__struct_fields__ if name != "lately_decoding"} == {None}
    assert (warmest(bare.board), nearest(bare.board)) == (None, None)
    drawn = columns([bare])
    assert {value for values in drawn.columns.values() for value in values} == {None}


def test_before_the_first_sample_the_document_says_so() -> None:
    told = read(sample_document(monitor_of(), 1000.0))
    assert (told.sample, told.stale, told.status) == (None, True, "no sample yet")


@pytest.mark.parametrize(
    ("age", "period", "stale"), [(0, 1, False), (3, 1, False), (3.1, 1, True), (14, 5, False), (16, 5, True)]
)
def test_older_than_three_periods_is_stale(age: float, period: float, stale: bool) -> None:
    found = age_of(monitor_of(full_sample(), period=period), 1000 + age)
    assert found.stale is stale
    assert found.text.startswith("stale:" if stale else "ok:")
    assert "\n" not in found.text


def test_every_column_is_as_long_as_the_time_and_the_recent_samples_bound_it() -> None:
    monitor = monitor_of(*(full_sample(n) for n in range(RECENT + 20)))
    found = msgspec.json.decode(recent_document(monitor, float("-inf")))
    assert len(found["time"]) == RECENT
    assert found["time"] == sorted(set(found["time"]))
    assert {len(values) for values in found["columns"].values()} == {RECENT}


def test_only_what_is_new_is_sent_and_a_rate_still_knows_the_sample_before() -> None:
    samples = [full_sample(n) for n in range(9)]
    found = columns(samples, since=BEGAN + 7)
    assert found.time == [BEGAN + 8]
    assert found.columns["tokens_per_second"] == [9.0]
    assert columns(samples, since=BEGAN + 8).time == []


def test_tokens_that_nobody_counts_have_no_speed() -> None:
    model = Model(name="m", decode_tokens=0)
    samples = [
        Sample(at=t, monotonic=t, llm=Llm(server=Server(up=True, endpoint="http://x"), models=(model,)))
        for t in (1.0, 2.0)
    ]
    assert columns(samples).columns["tokens_per_second"] == [None, None]


def test_after_a_clock_was_set_back_time_still_rises() -> None:
    samples = [full_sample(n) for n in (10, 11, 12, 11, 12, 13)]
    assert [t - BEGAN for t in columns(samples).time] == [10, 11, 12, 13]
    assert [t - BEGAN for t in columns([*samples, full_sample(2)]).time] == [2]


def test_a_damaged_name_is_sent_as_text_that_can_be_read() -> None:
    sample = msgspec.structs.replace(full_sample(), failures=(SourceFailure(source="sysfs", why="bad \udc80 byte"),))
    told = read(sample_document(monitor_of(sample), 1000.0))
    assert told.sample is not None
    assert told.sample.failures[0].why == "bad ? byte"
