"""What stands on a terminal after each frame is worked out from what was written to it."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from jetson_deploy.cli.fleet.changed_lines import ChangedLines

WIDTH = 24
ROWS = [f"board-{number}  waiting" for number in range(30)]
SEQUENCES = {
    "one row of many": [ROWS, [*ROWS[:7], "board-7  prove", *ROWS[8:]]],
    "first and last": [["a", "b", "c"], ["A", "b", "C"]],
    "a single line": [["1 device"], ["1 device: 1 ended"], ["1"]],
    "a row becomes shorter, and empty": [["a long row", "sum"], ["a", "sum"], ["", "sum"]],
    "a row more and a row less": [["a", "sum"], ["a", "b", "sum"], ["b", "sum"]],
    "rows wider than the terminal": [["x" * 90, "sum"], ["y" * 90, "sum"], ["x" * WIDTH, "sum"]],
    "signs of two columns": [["机器" * 20, "sum"], ["器机" * 20, "sum"]],
    "nothing new": [ROWS, ROWS, ROWS],
    "more frames than are written in part": [[f"a {number}", "sum"] for number in range(50)],
}


class Terminal(io.StringIO):
    """Without an end below. What it shows is asked for."""

    def seen(self) -> list[str]:
        lines, row = [""], 0
        for part in re.findall(r"\x1b\[[?0-9;]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", self.getvalue()):
            if part == "\n":
                row += 1
                lines += [""] * (row + 1 - len(lines))
            elif re.fullmatch(r"\x1b\[\d+A", part):
                row -= int(part[2:-1])
            elif part == "\x1b[2K":
                lines[row] = ""
            elif place := re.fullmatch(r"\x1b\[(?:(\d+);1)?H", part):
                row = int(place[1] or 1) - 1
            elif part in ("\x1b[?1049h", "\x1b[?1049l", "\x1b[2J"):
                lines, row = [""], 0
            elif part[0] not in "\x1b\r":
                lines[row] = part + lines[row][len(part) :]
        lines = [line.rstrip() for line in lines]
        while lines and not lines[-1]:
            lines.pop()
        return lines


def console(terminal: Terminal) -> Console:
    return Console(file=terminal, force_terminal=True, width=WIDTH, height=50, highlight=False)


def cut(line: str) -> str:
    columns = 2 if "机" in line else 1
    fit = WIDTH // columns
    return line if len(line) <= fit else line[: (WIDTH - 1) // columns] + " " * ((WIDTH - 1) % columns) + "…"


@pytest.mark.parametrize("on_its_own_screen", [False, True])
@pytest.mark.parametrize("name", SEQUENCES)
def test_after_each_frame_the_terminal_shows_its_lines(
    name: str, on_its_own_screen: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    terminal, now = Terminal(), list(SEQUENCES[name][0])
    screen = ChangedLines(console(terminal), lambda: now, screen=on_its_own_screen)
    screen.start()
    for lines in SEQUENCES[name]:
        now[:] = lines
        screen.refresh()
        assert terminal.seen() == [cut(line) for line in lines]
    screen.stop()
    assert terminal.seen() == []


def test_a_line_that_did_not_change_is_not_written_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    terminal, now = Terminal(), list(ROWS)
    screen = ChangedLines(console(terminal), lambda: now)
    screen.refresh()
    before = len(terminal.getvalue())
    now[7] = "board-7  prove"
    screen.refresh()
    written = terminal.getvalue()[before:]
    assert "board-7  prove" in written
    assert "board-6" not in written


def test_what_is_printed_meanwhile_stands_above(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    terminal, now = Terminal(), ["a", "sum"]
    screen = ChangedLines(console(terminal), lambda: now)
    screen.start()
    for first, said in (("b", "one"), ("c", "two"), ("d", "three")):
        now[0] = first
        screen.refresh()
        screen.console.print(said)
        screen.refresh()
    assert terminal.seen() == ["one", "two", "three", "d", "sum"]
