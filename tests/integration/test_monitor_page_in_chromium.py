"""The live page in a real browser: drawn, moving, readable everywhere, and safe from the names that it shows."""

from __future__ import annotations

import contextlib
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import pytest
from page_browser import Browser, chromium, until
from served_monitor import FALLBACK, NEAR, Clock, SteadyJudge, full_sample, serving

from jetson_deploy.monitor.alerts.firing import Firing
from jetson_deploy.monitor.model_parts import Llm
from jetson_deploy.monitor.monitor import Monitor
from jetson_deploy.monitor.sample import Board, Sample, SourceFailure

pytestmark = pytest.mark.integration
BOARD = Path(__file__).parents[1] / "monitor/boards/orin-nano-super-r36.5"
HOSTILE = "<img src=x onerror=\"window.hacked='yes'\"><script>window.hacked='yes'</script>"
CHARTS = {
    "Tokens per second", "GPU load", "CPU load", "Memory used", "Power", "Hottest zone", "Thermal headroom", "Requests"
}  # fmt: skip


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("browser")) as made:
        yield made


class Moving:
    """A sample a look, a second apart."""

    def __init__(self, clock: Clock, model: str = "deepseek-r1:8b") -> None:
        self._clock, self._model, self._number = clock, model, 0

    def poll(self) -> None:
        pass

    def sample(self) -> Sample:
        self._number += 1
        sample = full_sample(self._number, model=self._model, monotonic=self._clock.now)
        return msgspec.structs.replace(sample, simulated="these values are made up")

    def close(self) -> None:
        pass


def moving(clock: Clock, *firing: Firing, model: str = "deepseek-r1:8b") -> Monitor:
    monitor = Monitor(Moving(clock, model), SteadyJudge(firing))
    for _ in range(60):
        monitor.look()
    return monitor


def test_it_is_drawn_in_light_and_dark_on_a_desk_and_on_a_phone_and_moves(browser: Browser) -> None:
    clock = Clock()
    monitor = moving(clock, NEAR, FALLBACK)
    with serving(monitor, clock) as server:
        browser.shown_as(1440, 900)
        browser.open(server.url)
        until(lambda: browser.text("#state").startswith("live"))
        seen = browser.text()
        for words in (FALLBACK.cause, FALLBACK.fix, NEAR.fix, "Orin Nano", "L4T 36.5.0", "these values are made up"):
            assert words in seen
        assert seen.index(FALLBACK.title) < seen.index(NEAR.title) < seen.index("Tokens per second")
        for name, width, dark in (("light", 1440, False), ("dark", 1440, True), ("phone", 320, False)):
            browser.shown_as(width, 900, dark=dark)
            until(lambda: all(found > 20 for found in browser.line_pixels().values()))
            assert set(browser.line_pixels()) == CHARTS
            assert browser.sideways() <= 0
            browser.picture(name, width)
        before = browser.values()
        assert "-" not in before.values()
        for _ in range(3):
            monitor.look()
        until(lambda: all(browser.values()[title] != before[title] for title in ("Power", "GPU load", "Hottest zone")))
        assert browser.complaints() == []


def test_what_is_old_is_greyed_and_said_and_so_is_a_monitor_that_went_away(browser: Browser) -> None:
    clock = Clock()
    with serving(moving(clock), clock) as server:
        browser.open(server.url)
        until(lambda: browser.text("#state").startswith("live"))
        assert "No alert fires." in browser.text("#alerts")
        clock.now += 90
        until(lambda: browser.text("#state") == "stale")
        assert "90 s old" in browser.text("#stale")
        assert browser.ask("return getComputedStyle(document.querySelector('main')).filter") == "grayscale(1)"
        assert browser.complaints() == []
    until(lambda: browser.text("#state") == "no answer")
    assert "does not answer" in browser.text("#stale")
    browser.complaints()  # the browser's own of the refused connection


def test_what_cannot_be_seen_is_a_dash_with_its_reason(browser: Browser) -> None:
    why = "no permission for /sys/class/hwmon"
    bare = Sample(
        at=1.0, monotonic=1000.0, board=Board(), llm=Llm(), failures=(SourceFailure(source="sysfs", why=why),)
    )

    class Bare(Moving):
        def sample(self) -> Sample:
            return bare

    with serving(monitor := Monitor(Bare(Clock()), SteadyJudge())) as server:
        monitor.look()
        browser.open(server.url)
        until(lambda: browser.text("#state").startswith("live"))
        assert set(browser.values().values()) == {"-"}
        assert why in browser.text("#charts")
        assert why in browser.text("#unseen")
        assert "No server of ours is seen here." in browser.text()
        assert not re.search(r"NaN|undefined|null|Infinity", browser.text())
        assert browser.complaints() == []


def test_a_hostile_name_is_shown_and_never_run(browser: Browser) -> None:
    clock = Clock()
    alert = msgspec.structs.replace(NEAR, title=HOSTILE, subject=HOSTILE, cause=HOSTILE, fix=HOSTILE)
    with serving(moving(clock, alert, model=HOSTILE), clock) as server:
        browser.shown_as(320, 700)
        browser.open(server.url)
        until(lambda: browser.text("#state").startswith("live"))
        assert HOSTILE in browser.text("#models")
        assert browser.text("#alerts").count(HOSTILE) == 4
        assert browser.ask("return [typeof window.hacked, document.querySelectorAll('img, #main script').length]") == [
            "undefined",
            0,
        ]
        assert browser.sideways() <= 0
        assert browser.complaints() == []


class Ollama(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        model = {
            "name": HOSTILE,
            "model": HOSTILE,
            "digest": "6" * 64,
            "size": 5 * 2**30,
            "size_vram": 4 * 2**30,
            "context_length": 4096,
            "details": {"family": "qwen3", "quantization_level": "Q4_K_M"},
        }
        found = {"/api/version": {"version": "0.30.4"}, "/api/ps": {"models": [model]}}.get(self.path)
        body = msgspec.json.encode(found)
        self.send_response(200 if found else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextlib.contextmanager
def ollama() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Ollama)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def monitor_serve(*options: str) -> Iterator[str]:
    """The real verb; its URL. It ends well at SIGTERM."""
    argv = [sys.executable, "-m", "jetson_deploy", "monitor", "serve", "--listen", "127.0.0.1:0", *options]
    with subprocess.Popen(argv, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            said = ""
            while not (found := re.search(r"page (http://\S+/),", said)):
                line = process.stderr.readline()
                assert line, said
                said += line
            yield found[1]
            process.send_signal(signal.SIGTERM)
            out, _ = process.communicate(timeout=9)  # less than its patience with a page that stays open
            assert (process.returncode, "monitor ended" in out) == (0, True)
        finally:
            process.kill()


def test_the_verb_shows_a_captured_board_and_follows_it(browser: Browser, tmp_path: Path) -> None:
    root = shutil.copytree(BOARD, tmp_path / "root", symlinks=True)
    zone = next(kind.parent for kind in root.glob("sys/class/thermal/thermal_zone*/type") if "tj" in kind.read_text())
    with ollama() as endpoint, monitor_serve("--root", str(root), "--endpoint", endpoint, "--period", "0.5") as url:
        browser.shown_as(1440, 900)
        browser.open(url)
        until(lambda: browser.text("#state").startswith("live"))
        (zone / "temp").write_text("87654\n")
        until(lambda: browser.values()["Hottest zone"] == "87.7")
        (zone / "temp").write_text("61000\n")
        until(lambda: browser.values()["Hottest zone"] != "87.7")
        until(lambda: HOSTILE in browser.text("#models"))
        assert browser.ask("return typeof window.hacked") == "undefined"
        assert "the board is read from" in browser.text("#simulated")
        drawn = browser.line_pixels()
        assert {title for title, found in drawn.items() if found > 20} >= {"Memory used", "Power", "Hottest zone"}
        browser.picture("captured-board", 1440)
        assert browser.complaints() == []
