"""How late a board's event is on the terminal: read there, from the table of a rollout, beside a script that prints."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import statistics
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Any

from benches.fleet_follow import DRIVER, SECONDS, asked_of
from benches.table import at_most
from benches.workplace import need_root, note, workplace
from jetson_deploy.rehearsal.fleet.fleet import Fleet

BOARDS = 200
_ROOM = 64 << 20
_STAMP = re.compile(rb"\d{10}\.\d{9}")
_STAMP_BYTES = 20
_COLUMNS = 120
_MEDIAN_MS, _P99_MS = 50.0, 250.0


def fleet_screen(boards: int | None) -> None:
    need_root()
    many = boards or BOARDS
    with workplace(_ROOM) as work:
        note(f"booting {many} boards")
        with Fleet(many, kind="light") as rehearsed:
            print(f"{many} light boards, one event a second from each for {SECONDS} s, on a terminal.\n")
            columns = ["rows", "on the screen", "median", "aim", "p99", "aim", "CPU time"]
            print(f"| {' | '.join(('', *columns))} |\n|{' --- |' * (len(columns) + 1)}")
            print(row("asyncssh script that prints", "-", on_screen(work, rehearsed, "script", 50), aimed=False))
            for rows in (50, many + 10):  # a common window; one that has a row for each
                found = on_screen(work, rehearsed, "ours", rows)
                print(row("`fleet up`'s table", str(rows), found, aimed=True), flush=True)


def on_screen(work: Path, rehearsed: Fleet, who: str, rows: int) -> dict[str, Any]:
    """Each board's line is a time; it is late by how much later it can be read for the first time."""
    file = work / "screen.json"
    file.write_text(json.dumps({**asked_of(rehearsed, len(rehearsed.places)), "screen": True}))
    terminal, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", rows, _COLUMNS, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color", "LINES": str(rows), "COLUMNS": str(_COLUMNS)}
    environment.pop("NO_COLOR", None)
    argv = [*rehearsed.enter(), sys.executable, str(DRIVER), who, str(file)]
    process = subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, stderr=end)
    os.close(end)
    first = seen_first(terminal)
    os.close(terminal)
    out, _ = process.communicate(timeout=60)
    if process.returncode != 0 or not out:
        raise SystemExit(f"{who} ended with {process.returncode}")
    found: dict[str, Any] = json.loads(out)
    late = [at - float(stamp) for stamp, at in first.items() if float(stamp) >= found["connected_at"]]
    found |= {"shown": len(late), "median_ms": statistics.median(late) * 1000}
    return found | {"p99_ms": statistics.quantiles(late, n=100)[98] * 1000}


def seen_first(terminal: int) -> dict[bytes, float]:
    """Each stamp with the time at which it was first there, until the other end is closed."""
    first: dict[bytes, float] = {}
    behind = b""
    with contextlib.suppress(OSError):  # EIO: closed
        while text := os.read(terminal, 1 << 16):
            now = time.time()
            for stamp in _STAMP.findall(behind + text):
                first.setdefault(stamp, now)
            behind = text[1 - _STAMP_BYTES :]
    return first


def row(label: str, rows: str, found: dict[str, Any], *, aimed: bool) -> str:
    cells = [
        label,
        rows,
        f"{found['shown']} of {found['lines']}",
        f"{found['median_ms']:.1f} ms",
        at_most(_MEDIAN_MS, found["median_ms"], " ms") if aimed else "",
        f"{found['p99_ms']:.1f} ms",
        at_most(_P99_MS, found["p99_ms"], " ms") if aimed else "",
        f"{found['cpu']:.2f} s",
    ]
    return f"| {' | '.join(cells)} |"
