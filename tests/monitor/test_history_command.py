"""`monitor history` and `monitor plot` on the command line."""

from __future__ import annotations

import csv
import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from history_parts import NOON, TJ, WATTS, change, driven

from jetson_deploy.cli.main import main

Run = Callable[..., "Said"]


class Said(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """125 samples, 1 s apart; an alert; two requests."""
    path = tmp_path_factory.mktemp("state") / "monitor" / "history.sqlite3"
    with driven(path) as going:
        going.receive(changes=[change(NOON)])
        going.receive(64, celsius=50.5, requests=2)
        going.receive(60, celsius=52.5, watts=None, requests=2)
    return path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, recorded: Path) -> Iterator[Run]:
    monkeypatch.setenv("JETSON_DEPLOY_STATE_DIR", str(recorded.parent.parent))
    handlers = [(number, signal.getsignal(number)) for number in (signal.SIGTERM, signal.SIGHUP)]

    def call(*arguments: str) -> Said:
        with pytest.raises(SystemExit) as left:
            main(["monitor", *arguments])
        shown = capsys.readouterr()
        assert "Traceback" not in shown.err
        return Said(int(left.value.code or 0), shown.out, shown.err)

    yield call
    for number, handler in handlers:
        signal.signal(number, handler)


def test_the_summary_tells_which_series_since_when_and_how_many(run: Run, recorded: Path) -> None:
    said = run("history")
    assert said.code == 0 and f"{recorded}: " in said.out and "125 samples" in said.out
    rows = {line.split()[0]: line.split() for line in said.out.splitlines() if "celsius" in line}
    assert rows[TJ][1:7] == ["celsius", "2027-01-15", "08:00:00Z", "2027-01-15", "08:02:04Z", "125"]
    assert "thermal-near tj-thermal firing warning close to throttling: tj is at 96 °C" in said.out


def test_csv_has_every_sample_and_leaves_unknown_empty(run: Run) -> None:
    said = run("history", "--series", TJ, "--series", "power_total*", "--csv", "--step", "raw")
    rows = list(csv.reader(said.out.splitlines()))
    assert rows[0] == ["time", TJ, WATTS] and len(rows) == 126
    assert rows[1] == ["2027-01-15T08:00:00.000Z", "48.281", "6.5"]
    assert rows[-1] == ["2027-01-15T08:02:04.000Z", "52.5", ""]


def test_csv_of_minutes_has_lowest_mean_and_highest(run: Run) -> None:
    said = run("history", "--series", TJ, "--csv", "--step", "1m")
    rows = list(csv.reader(said.out.splitlines()))
    assert rows[0] == ["time", f"{TJ}.min", f"{TJ}.mean", f"{TJ}.max"]
    assert [row[0] for row in rows[1:]] == [f"2027-01-15T08:0{n}:00.000Z" for n in range(3)]
    assert (rows[1][1], rows[1][3]) == ("48.281", "50.5") and rows[3][1:] == ["52.5", "52.5", "52.5"]


def test_json_lines_hold_the_window_asked_for(run: Run) -> None:
    window = ("--from", "2027-01-15T08:01:00Z", "--to", "2027-01-15T08:01:04Z")
    said = run("history", "--series", TJ, *window, "--jsonl", "--step", "raw")
    lines = [json.loads(line) for line in said.out.splitlines()]
    assert [line["time"][17:] for line in lines] == [f"0{n}.000Z" for n in range(5)]
    assert lines[0]["values"] == {TJ: 50.5}


def test_json_is_one_document(run: Run) -> None:
    document = json.loads(run("history", "--json").out)
    assert document["schema"] == "jetson-deploy.monitor-history/1" and document["samples"] == 125
    assert TJ in [one["key"] for one in document["series"]] and "rows" not in document
    with_rows = json.loads(run("history", "--json", "--series", TJ).out)
    assert len(with_rows["rows"]) == 125 and with_rows["statistics"][TJ]["max"] == 52.5


def test_events_are_json_lines_that_end_with_finished(run: Run) -> None:
    lines = [json.loads(line) for line in run("history", "--events").out.splitlines()]
    assert [line.get("name") for line in lines] == ["started", "thermal-near", "requests", "ended", None]
    assert lines[2]["value"] == 2.0 and lines[-1]["event"] == "finished"


def test_a_named_series_is_summed_up(run: Run) -> None:
    line = run("history", "--series", TJ).out.splitlines()[1].split()
    assert line[:3] == [TJ, "celsius", "48.28"] and line[4:6] == ["52.5", "125"]


WRONG = {
    "unknown-series": (["history", "--series", "temperature_celsius.tj"], 2, "tj-thermal"),
    "two-forms": (["history", "--csv", "--json"], 2, "--csv"),
    "bad-time": (["history", "--from", "tomorrow"], 2, "RFC 3339"),
    "no-database": (["history", "--db", "/no/such/file.sqlite3"], 3, "monitor record"),
    "plot-of-nothing": (["plot", "--db", "/no/such/file.sqlite3", "--out", "x.html"], 3, "monitor record"),
    "plot-as-pdf": (["plot", "--out", "x.pdf"], 2, "--out chart.html"),
    "plot-two-windows": (["plot", "--out", "x.html", "--last", "6h", "--from", "1h"], 2, "one of them"),
    "plot-empty-window": (["plot", "--out", "x.html", "--from", "2025-01-01", "--to", "2025-01-02"], 3, "--last"),
    "record-json": (["record", "--json"], 2, "history --json"),
    "record-tiny": (["record", "--max-size", "1M"], 2, "16M or more"),
}


@pytest.mark.parametrize("arguments, code, hint", WRONG.values(), ids=WRONG)
def test_what_cannot_be_answered_is_told_with_a_fix(run: Run, arguments: list[str], code: int, hint: str) -> None:
    said = run(*arguments)
    assert said.code == code and "error:" in said.err
    assert hint in said.err.split("hint:")[1]


def test_a_page_is_written_whole_and_told(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "chart.html"
    said = run("plot", "--from", "2027-01-15T07:59:00Z", "--to", "2027-01-15T08:10:00Z", "--out", str(out), "--json")
    document = json.loads(said.out)
    assert (said.code, document["points"], document["file"]) == (0, 125, str(out))
    assert TJ in document["series"] and [file.name for file in tmp_path.iterdir()] == ["chart.html"]


@pytest.mark.parametrize("place", ["no/chart.html", "file/chart.html"])
def test_where_the_page_cannot_be_written_is_told(run: Run, tmp_path: Path, place: str) -> None:
    out = tmp_path / place
    (tmp_path / "file").touch()
    said = run("plot", "--from", "2027-01-15T07:59:00Z", "--to", "2027-01-15T08:10:00Z", "--out", str(out))
    assert said.code == 3 and "cannot be written" in said.err
