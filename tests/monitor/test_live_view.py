"""What the live view draws: fixed samples against screens that a person has looked at."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from counted_work import counted
from draw_screens import SCREENS, as_text, drawn
from rich.console import Console
from screen_samples import ALERTS, bare, big, busy, history

from jetson_deploy.cli.monitor.picture import Picture
from jetson_deploy.cli.monitor.plain import PlainLines, change_line, sample_line
from jetson_deploy.cli.monitor.screen.frame import Frame
from jetson_deploy.cli.monitor.screen.glyphs import ASCII
from jetson_deploy.cli.monitor.screen.help import help_page
from jetson_deploy.cli.monitor.screen.layout import page
from jetson_deploy.cli.monitor.screen.lines import Line, as_ascii, cells
from jetson_deploy.monitor.alerts.firing import Change
from jetson_deploy.monitor.monitor import Latest

NAMES = (
    *("busy-80x24", "busy-120x40", "busy-200x60", "busy-whole", "paused-80x24-ascii", "alerts-80x24", "alerts-80x10"),
    *("hot-80x24", "hot-160x50", "unknown-80x24", "narrow-40x12", "help-80x24"),
)


@pytest.fixture(autouse=True, scope="module")
def in_utc() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


@pytest.fixture(scope="module")
def screens(in_utc: None) -> dict[str, list[Line]]:
    return drawn()


def test_there_is_a_screen_for_every_name(screens: dict[str, list[Line]]) -> None:
    assert set(screens) == set(NAMES) == {path.stem for path in SCREENS.glob("*.txt")}


@pytest.mark.parametrize("name", NAMES)
def test_it_looks_as_it_did_when_somebody_looked_at_it(name: str, screens: dict[str, list[Line]]) -> None:
    assert as_text(screens[name]) == (SCREENS / f"{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("width", [20, 79, 80, 149, 150, 233])
def test_no_line_is_wider_than_the_terminal_and_none_too_many(width: int) -> None:
    recent = (*history(30), big())
    for height in (1, 5, 24, 70):
        for firing in ((), ALERTS):
            frame = Frame(recent=recent, firing=firing, width=width, keys=True)
            for lines in (page(frame, height), help_page(frame, height)):
                assert len(lines) == height
                assert {sum(cells(text) for text, _ in line) for line in lines} == {width}


def test_what_is_unknown_is_a_dash_and_no_number_is_invented() -> None:
    lines = as_text(page(Frame(recent=(bare(),), width=120), None)).splitlines()
    body = [line for line in lines if not line.startswith(("board unknown", "L4T", "simulated:", "sysfs"))]
    assert body
    assert [line for line in body if any(one.isdigit() for one in line)] == []
    assert all("-" in line for line in body if line)
    assert sample_line(bare(), None).split("  ")[1:] == ["gpu - -MHz", "cpu -", "mem -/-GiB", "temp -", "power -W"]


def test_nothing_from_outside_moves_the_cursor() -> None:
    text = as_text(page(Frame(recent=(busy(1), big()), firing=ALERTS, width=160), None))
    assert all(one.isprintable() or one == "\n" for one in text)
    assert "模型" in text


def rendered(lines: list[Line], *, coloured: bool, width: int, height: int) -> str:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=width, height=height, color_system="truecolor")
    console.print(Picture(lines, coloured=coloured, ascii_only=False), end="")
    return file.getvalue()


@pytest.mark.parametrize("width, height", [(80, 24), (200, 60)])
def test_the_same_stands_there_with_and_without_colour(width: int, height: int) -> None:
    lines = page(Frame(recent=(*history(30), big()), firing=ALERTS, width=width), height)
    grey = rendered(lines, coloured=False, width=width, height=height)
    assert "\x1b" not in grey
    assert [line.rstrip() for line in grey.splitlines()] == as_text(lines).splitlines()
    painted = rendered(lines, coloured=True, width=width, height=height)
    assert "\x1b[1;31m" in painted  # red, and beside it the word
    for word in (
        ("CRITICAL",) if height < 60 else ("CRITICAL", "STANDS STILL", "PARTLY ON CPU", "THROTTLED", "AT ITS LIMIT")
    ):
        assert word in grey


def test_a_terminal_without_blocks_gets_ascii_of_the_same_width() -> None:
    frame = Frame(recent=(*history(30), big()), firing=ALERTS, width=120, glyphs=ASCII)
    for line in page(frame, 40):
        text = "".join(text for text, _ in line)
        assert as_ascii(text).isascii()


def test_plain_lines_say_what_changes_once(capsys: pytest.CaptureFixture[str]) -> None:
    lines = PlainLines()
    began = Change(at=busy(2).at, state="firing", alert=ALERTS[1])
    ended = Change(at=busy(3).at, state="resolved", alert=ALERTS[1])
    lines.receive(Latest(sample=bare()))
    lines.receive(Latest(sample=busy(2), changes=(began,), firing=(ALERTS[1],)))
    lines.receive(Latest(sample=busy(3), changes=(ended,)))
    assert capsys.readouterr().out == (Path(__file__).parent / "plain-lines.txt").read_text(encoding="utf-8")
    assert change_line(began).startswith("12:00:02 CRITICAL: throttled by heat (cpufreq-cpu0): ")


def test_a_picture_costs_little_however_long_one_has_looked() -> None:
    """About 93,000 calls, which is 15 ms on a machine that is not slow."""

    def calls(samples: int) -> int:
        frame = Frame(recent=history(samples), firing=ALERTS, width=200, keys=True)
        with counted() as work:
            rendered(page(frame, 60), coloured=True, width=200, height=60)
        return work.calls

    calls(300)  # the first one builds tables
    assert calls(300) < 150_000
    assert calls(900) < 1.05 * calls(300)
