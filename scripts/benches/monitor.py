"""What the monitor costs beside a model that serves, against jtop and a shell loop over the same files."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benches.jtop_beside import jtop
from benches.monitor_record import bytes_per_day
from benches.serving import cpu_seconds, resident, serving
from benches.workplace import REPOSITORY, need_root, note
from jetson_deploy.rehearsal.session import Session

_BOARD = REPOSITORY / "tests/monitor/boards/orin-nano-super-r36.5"
_LISTEN = "127.0.0.1:9735"
_SECONDS, _TRACED = 60, 10
_MOST_CORE, _MOST_MIB, _MOST_SCRAPE, _MOST_FRAME = 1.0, 40.0, 5.0, 0.4
_LOAD = """\
import json, urllib.request
tags = json.load(urllib.request.urlopen("http://127.0.0.1:11434/api/tags"))
while True:
    model, options = tags["models"][0]["name"], {"num_predict": 64}
    body = {"model": model, "prompt": "Tell a long story.", "stream": False, "options": options}
    urllib.request.urlopen("http://127.0.0.1:11434/api/generate", json.dumps(body).encode(), timeout=120).read()
"""
_SCRAPES = """\
import http.client, statistics, time
took = []
for _ in range(100):
    connection = http.client.HTTPConnection("127.0.0.1", 9735)
    began = time.perf_counter()
    connection.request("GET", "/metrics")
    answer = connection.getresponse().read()
    took.append(time.perf_counter() - began)
    connection.close()
    time.sleep(0.02)
print(statistics.median(took) * 1000, len(answer))
"""


class Contender(NamedTuple):
    label: str
    pids: tuple[int, ...]


class Cost(NamedTuple):
    label: str
    core: float
    """Percent of one core."""
    mib: float
    calls: int | None
    """System calls a second, which is a sample; None: strace could not tell."""


def monitor(rounds: int | None) -> None:
    """`rounds`: how often the first frame is timed."""
    need_root()
    if subprocess.run([str(REPOSITORY / "scripts/rehearsal-parts"), "strace"], check=False).returncode != 0:
        raise SystemExit(3)
    with serving() as session, tempfile.TemporaryDirectory(prefix="jd-bench-", dir="/var/tmp") as work:
        with _generating(session), _served(session) as own, jtop(_BOARD, Path(work)) as theirs, _shell() as shell:
            contenders = [
                Contender("jetson-deploy monitor serve", (own,)),
                Contender(f"jtop {theirs.version}, client and service", (theirs.client, *theirs.service)),
                Contender("shell loop with cat over the same files", (shell,)),
            ]
            note(f"all of them at 1 Hz for {_SECONDS} s, while the model generates")
            costs = _costs(contenders)
            scrape, size = _scraped(session)
        note("start to the first frame")
        frames = [_first_frame(session) for _ in range(rounds or 10)]
    _print(costs, scrape, size, frames)


def _print(costs: list[Cost], scrape: float, size: int, frames: list[float]) -> None:
    print(
        f"| at 1 Hz for {_SECONDS} s, side by side, while the model generates "
        "| CPU, of one core | resident | system calls a sample |"
    )
    print("| --- | --- | --- | --- |")
    for cost in costs:
        print(f"| {cost.label} | {cost.core:.2f} % | {cost.mib:.1f} MiB | {cost.calls or '-'} |")
    own, other = costs[0], costs[1]
    frame = statistics.median(frames)
    rows = [
        ("CPU, of one core", f"{own.core:.2f} %", f"≤ {_MOST_CORE:g} %", own.core > _MOST_CORE),
        ("CPU, of jtop's", f"{own.core / other.core:.2f}" if other.core else "-", "", False),
        ("resident", f"{own.mib:.1f} MiB", f"≤ {_MOST_MIB:g} MiB", own.mib > _MOST_MIB),
        (
            "a scrape, median of 100",
            f"{scrape:.1f} ms, {size / 1024:.0f} KiB",
            f"≤ {_MOST_SCRAPE:g} ms",
            scrape > _MOST_SCRAPE,
        ),
        (
            f"start to first frame, median of {len(frames)}",
            f"{frame:.2f} s",
            f"≤ {_MOST_FRAME:g} s",
            frame > _MOST_FRAME,
        ),
        ("`record` every 5 s, written in a day", f"{bytes_per_day(5.0) / 1e6:.1f} MB", "", False),
        ("`record` every 1 s, written in a day", f"{bytes_per_day(1.0) / 1e6:.1f} MB", "", False),
    ]
    print("\n| jetson-deploy monitor | measured | aim |\n| --- | --- | --- |")
    for label, found, aim, missed in rows:
        print(f"| {label} | {found} | {aim}{' **missed**' if missed else ''} |")


@contextlib.contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[int]:
    try:
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=20)
        process.kill()
        process.wait()


def _inside(session: Session, code: str) -> list[str]:
    return [*session.namespace.enter(), str(REPOSITORY / ".venv/bin/python"), "-c", code]


def _verb(session: Session, *arguments: str) -> list[str]:
    """The rehearsal's engine and server, and a captured board that holds sensors too."""
    return [
        *session.namespace.enter(),
        sys.executable,
        "-m",
        "jetson_deploy",
        "monitor",
        *arguments,
        "--root",
        str(_BOARD),
    ]


@contextlib.contextmanager
def _generating(session: Session) -> Iterator[int]:
    with _ended(subprocess.Popen(_inside(session, _LOAD), stderr=subprocess.DEVNULL)) as pid:
        yield pid


@contextlib.contextmanager
def _served(session: Session) -> Iterator[int]:
    process = subprocess.Popen(
        _verb(session, "serve", "--listen", _LISTEN, "--period", "1"),
        env=session.environment(),
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    with _ended(process) as pid:
        time.sleep(5)
        if process.poll() is not None:
            raise SystemExit("monitor serve ended by itself")
        yield pid


@contextlib.contextmanager
def _shell() -> Iterator[int]:
    files = " ".join(f"'{path}'" for path in sorted(_read_by_tegrastats()))
    loop = f"while :; do cat {files} >/dev/null 2>&1; sleep 1; done"
    with _ended(subprocess.Popen(["sh", "-c", loop])) as pid:
        yield pid


def _read_by_tegrastats() -> list[Path]:
    """Load, clocks, temperatures and rails: what one line of tegrastats shows."""
    wanted = re.compile(r"/(load|cur_freq|scaling_cur_freq|temp|in\d_input|curr\d_input|meminfo|stat)$")
    return [path for path in _BOARD.rglob("*") if path.is_file() and wanted.search(str(path))]


def _costs(contenders: list[Contender]) -> list[Cost]:
    before = [_used(one) for one in contenders]
    began = time.monotonic()
    time.sleep(_SECONDS)
    seconds = time.monotonic() - began
    cores = [100 * (_used(one) - start) / seconds for one, start in zip(contenders, before, strict=True)]
    memory = [sum(resident(pid).now for pid in one.pids) for one in contenders]
    calls = [_calls(one) for one in contenders]
    return [Cost(one.label, *rest) for one, *rest in zip(contenders, cores, memory, calls, strict=True)]  # type: ignore[arg-type]


def _used(one: Contender) -> float:
    return sum(cpu_seconds(pid, children=len(one.pids) == 1) for pid in one.pids)


def _calls(one: Contender) -> int | None:
    """Of all threads and children, in a second."""
    pids = [word for pid in one.pids for word in ("-p", str(pid))]
    argv = ["timeout", "-s", "INT", str(_TRACED), "strace", "-f", "-c", "-q", *pids]
    said = subprocess.run(argv, capture_output=True, text=True, check=False).stderr
    found = re.search(r"^100\.00 .*?(\d+)(?:\s+\d+)? total$", said, re.MULTILINE)
    return round(int(found[1]) / _TRACED) if found else None


def _scraped(session: Session) -> tuple[float, int]:
    """Milliseconds and bytes."""
    said = subprocess.check_output(_inside(session, _SCRAPES), text=True).split()
    return float(said[0]), int(said[1])


def _first_frame(session: Session) -> float:
    """Seconds from the start of the process to the first picture on a terminal."""
    began = time.perf_counter()
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update({**session.environment(), "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"})
        argv = _verb(session)
        os.execvpe(argv[0], argv, os.environ)
    try:
        seen = b""
        while b"CPU" not in seen:
            if not select.select([terminal], [], [], 20)[0]:
                raise SystemExit(f"monitor drew nothing in 20 s: {seen[-500:]!r}")
            seen += os.read(terminal, 65536)
        return time.perf_counter() - began
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(terminal)
