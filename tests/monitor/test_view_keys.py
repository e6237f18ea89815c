"""The live view on a real terminal: its keys, and what it leaves behind."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from view_on_terminal import FIRST, LEFT, PAINTED, Terminal, terminal


def test_the_keys_do_what_the_help_says() -> None:
    with terminal(NO_COLOR="1") as here:
        shown = here.until(b"every 0.2 s")
        assert FIRST in shown and b"deepseek-r1:8b" in shown and not PAINTED.search(shown)
        assert here.settings != here.before
        here.type("s")
        here.until(b"s sort: cpu")
        here.type("p")
        here.until(b"PAUSED")
        here.type("p-")
        here.until(b"every 0.5 s")
        here.type("+\x1b[A")  # an arrow is nothing of ours
        here.until(b"every 0.2 s")
        here.type("?")
        here.until(b"Charts in a browser:")
        here.type("h")
        here.until(b"q quit")
        here.resize(30, 170)
        here.until("│".encode())  # two columns
        here.type("q")
        assert here.ended() == 0
        assert LEFT in here.shown
        assert here.settings == here.before


def sigterm(here: Terminal) -> None:
    here.process.send_signal(signal.SIGTERM)


def breaks(here: Terminal) -> None:
    pass


ENDS = {"sigterm": (sigterm, 10_000, 0, b""), "error": (breaks, 3, 1, b"is gone")}


@pytest.mark.parametrize("end, last, code, said", ENDS.values(), ids=ENDS)
def test_the_terminal_is_as_before_however_it_ends(end: object, last: int, code: int, said: bytes) -> None:
    with terminal(last) as here:
        here.until(b"q quit")
        end(here)  # type: ignore[operator]
        assert here.ended() == code
        assert LEFT in here.shown and b"\x1b[?25h" in here.shown  # the cursor too
        assert here.settings == here.before
        assert here.process.stderr is not None and said in here.process.stderr.read()


def test_after_ctrl_z_the_shell_has_its_terminal_and_fg_brings_the_view_back() -> None:
    with terminal(shell=True) as here:
        here.until(b"q quit")
        here.type("\x1a")
        assert LEFT in here.until(b"STOPPED")
        assert here.settings == here.before
        here.type("fg\n")
        here.until(FIRST)
        here.until(b"q quit")
        assert here.settings != here.before
        here.type("q")
        assert here.ended() == 0
        assert here.settings == here.before


MONITOR = ("monitor", "--root", str(Path(__file__).parent / "boards" / "orin-nano-super-r36.5"), "--period", "0.2")


def test_a_captured_board_is_seen_live_until_ctrl_c() -> None:
    with terminal(verb=MONITOR) as here:
        shown = here.until(b"q quit")
        assert FIRST in shown and b"MAXN_SUPER" in shown and PAINTED.search(shown)
        here.type("\x03")  # Ctrl-C
        assert here.ended() == 0
        assert here.settings == here.before


@pytest.mark.parametrize("columns, term", [(79, "xterm"), (80, "dumb")])
def test_a_narrow_or_a_dumb_terminal_gets_plain_lines(columns: int, term: str) -> None:
    with terminal(verb=MONITOR, columns=columns, TERM=term) as here:
        shown = here.until(b"power 7.8W")
        assert b"\x1b" not in shown and shown.startswith(b"board NVIDIA Jetson Orin Nano")
        here.process.send_signal(signal.SIGINT)
        assert here.ended() == 0
        assert here.settings == here.before


def test_when_its_terminal_goes_it_ends_without_a_word() -> None:
    with terminal(verb=MONITOR) as here:
        here.until(b"q quit")
        here.hang_up()
        assert here.process.wait(20) == 0
        assert here.process.stderr is not None and here.process.stderr.read() == b""
