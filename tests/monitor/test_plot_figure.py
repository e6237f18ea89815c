"""What a chart shows of a recording, and that nothing recorded can get out of its page."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from history_parts import NOON, TJ, WATTS, change, driven, history

from jetson_deploy.errors import PreflightError
from jetson_deploy.monitor.history.reader import EVERYTHING
from jetson_deploy.monitor.plot.figure import Figure, figure
from jetson_deploy.monitor.plot.html import html_bytes
from jetson_deploy.monitor.plot.png import png_bytes

EVIL = "</script><script>alert(1)</script><!--\u2028$x$"
GPU = "gpu_frequency_hertz.17000000.gpu"
RATE = f"llm_last_tokens_per_second.{EVIL}.decode"


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute; ten minutes of nothing; a minute, in which heat throttles for 20 s, after a reboot."""
    path = tmp_path_factory.mktemp("plot") / "history.sqlite3"
    with driven(path) as going:
        going.receive(60, requests=1, model=EVIL)
        going.receive(changes=[change(going.wall, text=EVIL)], requests=4, model=EVIL)
        going.wall += 600
        going.monotonic += 600
        going.receive(20, requests=4, boot="boot-2")
        going.receive(20, requests=4, boot="boot-2", throttled=True)
        going.receive(20, requests=4, boot="boot-2", changes=[])
    return path


def drawn(path: Path, *keys: str, most: int = 5000) -> Figure:
    with history(path) as found:
        return figure(found, keys, EVERYTHING, f"board {EVIL}", most_points=most)


def test_units_are_those_people_read_and_share_a_panel(path: Path) -> None:
    found = drawn(path, TJ, WATTS, GPU, "temperature_headroom_celsius.tj-thermal")
    assert [(panel.title, panel.unit) for panel in found.panels] == [
        ("Temperature", "°C"),
        ("Power", "W"),
        ("Clocks", "MHz"),
    ]
    assert found.panels[2].lines[0].means[0] == 1020
    assert found.step == 0 and found.panels[0].lines[0].lows is None


def test_no_line_is_drawn_over_a_time_without_samples(path: Path) -> None:
    found = drawn(path, TJ)
    line = found.panels[0].lines[0].means
    assert line.count(None) == 1 and line.index(None) == 61
    assert len(line) == len(found.times) == 122 and found.times == sorted(found.times)


def test_throttling_is_an_interval_and_requests_alerts_and_reboots_are_marks(path: Path) -> None:
    found = drawn(path, TJ)
    begin = NOON + 61 + 600 + 20
    assert found.throttled == [(begin, begin + 20)]
    assert found.requests == [(NOON, 1), (NOON + 60, 3)]
    assert [mark.kind for mark in found.marks] == ["alert", "recorder"]


def test_a_long_window_is_drawn_from_minutes_with_their_band(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite3"
    with driven(path) as going:
        for number in range(30):
            going.receive(20, celsius=50 + number % 2, period=3, throttled=number == 7)
    found = drawn(path, TJ, most=100)
    (line,) = found.panels[0].lines
    assert found.step == 60 and len(found.times) == 30
    assert (line.means[:2], line.lows, line.highs) == ([50, 51], line.means, line.means)
    assert found.throttled == [(NOON + 420, NOON + 480)]


def test_the_page_holds_the_data_and_no_name_ends_a_script(path: Path) -> None:
    page = html_bytes(drawn(path, RATE, TJ)).decode()
    assert re.findall(r"</?script[^>]*>", page) == [
        '<script type="application/json" id="figure">', "</script>", "<script>", "</script>", "<script>", "</script>"
    ]  # fmt: skip
    data = json.loads(page.split('id="figure">')[1].split("</script>")[0])
    assert data["panels"][0]["lines"][0]["key"] == RATE
    assert EVIL in data["marks"][0]["text"] and "\u2028" not in page.split('id="figure">')[1].split("</script>")[0]


def test_the_page_asks_nobody_for_anything(path: Path) -> None:
    page = html_bytes(drawn(path, TJ)).decode()
    assert not re.search(r"(?:src|href)\s*=|@import|url\(", page)
    assert "default-src 'none'" in page and "uPlot" in page


def test_without_matplotlib_the_hint_installs_it_into_this_python(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.backends.backend_agg", None)
    with pytest.raises(PreflightError) as refused:
        png_bytes(drawn(path, TJ))
    assert "-m pip install matplotlib" in refused.value.hint and "jetson-deploy[" not in refused.value.hint
