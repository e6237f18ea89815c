"""A plot as people open it: the page from a file in Chromium, light and dark, without a network; the picture as PNG."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest
from history_parts import NOON, TJ, WATTS, change, driven
from page_browser import chromium

from jetson_deploy.monitor.history.opening import open_history
from jetson_deploy.monitor.history.reader import EVERYTHING
from jetson_deploy.monitor.plot.figure import Figure, figure
from jetson_deploy.monitor.plot.html import html_bytes
from jetson_deploy.monitor.plot.png import png_bytes

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
EVIL = "</script><img src=x onerror=alert(1)>$\\frac{$ 模型"
_COLOURS = """
const canvas = document.querySelectorAll('canvas')[arguments[0]];
const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d', { willReadFrequently: true });
copy.drawImage(canvas, 0, 0);
const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
const wanted = [1, 3, 5].map((at) => parseInt(arguments[1].slice(at, at + 2), 16));
let found = 0;
for (let at = 0; at < data.length; at += 4) {
  found += wanted.every((value, index) => Math.abs(value - data[at + index]) < 3) && data[at + 3] > 250;
}
return found;
"""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Figure:
    path = tmp_path_factory.mktemp("plot") / "history.sqlite3"
    with driven(path) as going:
        for turn in range(60):
            going.receive(6, 5, celsius=50 + turn / 2, watts=6 + turn % 7, model=EVIL, requests=turn)
        going.receive(1, 5, celsius=99, throttled=True, changes=[change(NOON + 1800, text=EVIL)])
        going.receive(11, 5, celsius=99, throttled=True)
        going.recorder.flush()
    with open_history(path) as history:
        keys = [TJ, WATTS, f"llm_last_tokens_per_second.{EVIL}.decode", "gpu_load_ratio.17000000.gpu"]
        return figure(history, keys, EVERYTHING, f"board {EVIL}")


def test_the_page_draws_its_charts_from_a_file_without_a_network(recorded: Figure, tmp_path: Path) -> None:
    page = tmp_path / "chart.html"
    page.write_bytes(html_bytes(recorded))
    with chromium(tmp_path) as seen:
        for dark, colour in ((False, "#3b7a0c"), (True, "#8fd14a")):
            seen.shown_as(1000, 900, dark=dark)
            seen.open(page.as_uri())
            assert seen.ask("return document.querySelectorAll('canvas').length") == 4
            for chart in range(4):
                assert seen.driver.execute_script(_COLOURS, chart, colour) > 100, f"chart {chart} shows no line"
            assert seen.complaints() == []
            assert EVIL in seen.text("h1") and "thermal throttling" in seen.text("#about")
            assert "thermal-near" in seen.text("#marks")
            assert seen.ask("return document.images.length") == 0, "a name became a part of the page"
            seen.picture(f"plot-{'dark' if dark else 'light'}", 1000)
        seen.shown_as(390, 800)
        seen.open(page.as_uri())
        assert seen.sideways() <= 0, "wider than a phone"
        assert seen.ask("return performance.getEntriesByType('resource').length") == 0


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_picture_is_a_whole_png_whatever_names_it_shows(recorded: Figure, dark: bool) -> None:
    data = png_bytes(recorded, dark=dark)
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    pixels = zlib.decompress(b"".join(_chunks(data, b"IDAT")))
    assert len(set(pixels)) > 50


def _chunks(data: bytes, kind: bytes) -> list[bytes]:
    found, at = [], 8
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] == kind:
            found.append(data[at + 8 : at + 8 + size])
        at += 12 + size
    return found
