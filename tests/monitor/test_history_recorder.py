"""What is heard is in the history, in its order, whatever clocks and sensors do."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import pytest
from history_parts import NOON, TJ, WATTS, change, driven, events, history, look, minutes, noise, raw

from jetson_deploy.errors import LockedError
from jetson_deploy.monitor.history.default import Kept
from jetson_deploy.monitor.history.reader import Window
from jetson_deploy.monitor.history.recorder import MOST_WAITING, Recorder
from jetson_deploy.monitor.history.retention import LOG_BYTES
from jetson_deploy.monitor.history.rollup import Stat
from jetson_deploy.monitor.history.schema import connect

MODEL = "llm_last_tokens_per_second.deepseek-r1:8b.decode"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "history.sqlite3"


def test_every_sample_is_read_again_with_seven_digits_and_unknown_is_not_a_number(path: Path) -> None:
    with driven(path) as going:
        going.receive(celsius=48.281)
        going.receive(celsius=None)
        going.receive(celsius=-1.5, watts=None)
    found = raw(path, TJ, WATTS, "no-such-series")
    assert [row.at for row in found] == [round(NOON * 1000) + 1000 * n for n in range(3)]
    assert [tuple(v if v is None else float(f"{v:.7g}") for v in row.values) for row in found] == [
        (48.281, 6.5, None),
        (None, 6.5, None),
        (-1.5, None, None),
    ]


def test_half_a_minute_is_committed_at_once_and_not_before(path: Path) -> None:
    with driven(path) as going:
        going.receive(29)
        written_early = going.recorder._asked
        going.receive(1)
        going.recorder.flush()
        assert (written_early, len(raw(path))) == (0, 30)  # read while it is recorded


def test_a_long_period_commits_every_sample(path: Path) -> None:
    with driven(path) as going:
        going.receive(3, period=60)
        assert going.recorder._asked == 2  # the first one cannot know how long the next one takes


def test_series_come_and_go(path: Path) -> None:
    with driven(path) as going:
        going.receive(10, model="qwen3:8b")
        going.receive(40, model="deepseek-r1:8b")
    assert [len(raw(path, key)) for key in (MODEL, MODEL.replace("deepseek-r1", "qwen3"), TJ)] == [40, 10, 50]
    with history(path) as found:
        assert {MODEL, TJ, WATTS} <= set(found.keys())


def test_a_second_recorder_is_refused_and_may_begin_when_the_first_has_ended(path: Path) -> None:
    with driven(path), pytest.raises(LockedError, match="another recorder") as refused:
        Recorder(path)
    assert refused.value.exit_code == 75
    with driven(path) as going:
        going.receive()
    assert len(raw(path)) == 1


@pytest.mark.parametrize("to", [0.0, NOON - 86_400, NOON + 40 * 86_400, 2.6e9], ids=["1970", "back", "on", "2052"])
def test_a_clock_that_jumps_costs_no_row_and_their_order_stays(path: Path, to: float) -> None:
    with driven(path) as going:
        going.receive(20, celsius=40)
        going.wall = to
        going.receive(20, celsius=41)
        going.wall = NOON + 40
        going.receive(20, celsius=42)
    assert [row.values[0] for row in raw(path)] == [40] * 20 + [41] * 20 + [42] * 20
    assert [name for name, _, _ in events(path, "recorder")] == ["started", "clock-jump", "clock-jump", "ended"]
    assert sum(stat.count for row in minutes(path) for stat in row.stats if stat) == 60


@pytest.mark.parametrize("to", [0.0, NOON + 40 * 86_400], ids=["1970", "in-40-days"])
def test_a_wrong_clock_deletes_nothing_as_long_as_nobody_can_trust_it(path: Path, to: float) -> None:
    with driven(path) as going:
        going.receive(30)
        going.wall = to
        going.receive(30)  # half a minute: a clock that is set by the network soon is right by then
    assert len(raw(path)) == 60


def test_what_was_recorded_under_a_wrong_clock_goes_with_what_was_recorded_around_it(path: Path) -> None:
    with driven(path) as going:
        for clock in (NOON, 0.0, NOON + 60):
            going.wall = clock
            going.receive(30)
        going.wall = NOON + 8 * 86_400
        going.receive(2, period=1)
        going.receive(3, period=3601)
    assert len(raw(path)) == 5
    assert len(minutes(path)) >= 5  # minutes stay for 90 days, those of 1970 too


def test_minutes_hold_lowest_mean_and_highest_also_before_they_are_in_their_table(path: Path) -> None:
    with driven(path) as going:
        for second in range(60 * 12):
            going.receive(celsius=second % 60)
        going.recorder.flush()
        rows = minutes(path)
        assert [row.at for row in rows] == [round(NOON * 1000) + 60_000 * n for n in range(12)]
        assert {row.stats[0] for row in rows} == {Stat(0, 29.5, 59, 60)}


def test_a_recorder_that_begins_again_within_a_minute_loses_and_doubles_none_of_it(path: Path) -> None:
    for _ in range(4):
        with driven(path, start=NOON, monotonic=5) as going:
            going.wall = NOON + 15 * _
            going.receive(15, celsius=40 + _)
    assert minutes(path) and minutes(path)[0].stats == (Stat(40, 41.5, 43, 60),)


def test_old_samples_go_and_minutes_stay(path: Path) -> None:
    with driven(path, kept=Kept(raw_days=0.5, minute_days=1.5)) as going:
        going.receive(2 * 24 * 3, period=1800)
    day = 86_400_000
    first, rows = raw(path)[0].at, minutes(path)
    end = round(going.wall * 1000)
    assert 0.4 * day < end - first < 0.85 * day
    assert 1.4 * day < end - rows[0].at < 1.85 * day


def test_the_files_stay_within_their_bound_and_the_oldest_samples_go_first(path: Path) -> None:
    chance = random.Random(1)

    def read(_: object) -> dict[str, float]:
        return {f"power_watts.rail-{n}": chance.random() for n in range(100)}

    most = LOG_BYTES + (1 << 19)
    with driven(path, kept=Kept(most_bytes=most), read=read) as going:
        for _ in range(5):
            going.receive(600)
            going.recorder.flush()
            assert sum(file.stat().st_size for file in path.parent.iterdir()) <= most
    found = raw(path, "power_watts.rail-1")
    assert 300 < len(found) < 2000 and found[-1].at == round((going.wall - 1) * 1000)
    assert len(minutes(path, "power_watts.rail-1")) == 50


def test_alerts_counters_and_boots_are_events(path: Path) -> None:
    with driven(path) as going:
        going.receive(changes=[change(NOON)])
        going.receive(59, requests=2, over_currents=5)
        going.receive(30, requests=3, over_currents=5)
    with driven(path, start=NOON + 900) as going:
        going.receive(boot="boot-2", requests=1, over_currents=7, changes=[change(NOON + 900, "resolved")])
    assert events(path, "count") == [
        ("over-current", "oc3", 5.0),
        ("requests", "/api/chat 200", 2.0),
        ("requests", "/api/chat 200", 1.0),
        ("requests", "/api/chat 200", 1.0),
    ]
    assert [name for name, _, _ in events(path, "recorder")] == ["started", "ended", "rebooted", "started", "ended"]
    with history(path) as found:
        alerts = [(one.at, one.name, one.state) for one in found.events() if one.kind == "alert"]
    assert alerts == [
        (round(NOON * 1000), "thermal-near", "firing warning"),
        (round(NOON * 1000) + 900_000, "thermal-near", "resolved warning"),
    ]


def test_a_recording_of_something_simulated_says_so_in_its_own_window(path: Path) -> None:
    with driven(path) as going:
        going.receive(30, simulated="the board is read from /captured")
    with driven(path, start=NOON + 600) as going:
        going.receive(30)
    windows = [Window(), Window(since=round(NOON + 10) * 1000), Window(since=round(NOON + 600) * 1000)]
    with history(path) as found:
        assert [found.simulated(window) is not None for window in windows] == [True, True, False]


def test_hearing_never_waits_for_the_disk_and_what_is_lost_is_counted(path: Path) -> None:
    free = threading.Event()

    def slow(where: Path) -> object:
        if opened:
            free.wait()
        opened.append(where)
        return connect(where)

    opened: list[Path] = []
    with driven(path, opened=slow, read=noise()) as going:
        going.receive(30)
        going.recorder.flush()
        path.unlink()  # so that it is opened again, slowly
        going.receive(MOST_WAITING + 300)  # would hang if it waited for the disk
        free.set()
        assert going.recorder.flush()
    assert going.recorder.lost >= 270
    assert len(raw(path)) == MOST_WAITING + 300 - going.recorder.lost
    assert [text for text in going.said if "lost" in text] == [
        f"history: recording goes on in {path}; {going.recorder.lost} samples are lost"
    ]


def test_a_database_that_somebody_took_away_is_made_again(path: Path) -> None:
    with driven(path) as going:
        going.receive(30)
        going.recorder.flush()
        for file in path.parent.glob("*.sqlite3*"):
            if not file.name.endswith(".lock"):
                file.unlink()
        going.receive(30)
    assert len(raw(path)) == 30


def test_look_is_made_of_what_the_history_keeps() -> None:
    from jetson_deploy.monitor.metrics import series

    assert {TJ, WATTS, MODEL, "throttling"} <= set(series(look(NOON, 1.0).sample))
