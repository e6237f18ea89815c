"""What the watcher costs beside a serving rehearsal, and how soon it notices what."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from benches.serving import cpu_seconds, resident, serving
from benches.workplace import REPOSITORY, need_root, note
from jetson_deploy.rehearsal.session import Session
from jetson_deploy.runtime.docker.wire import PlainWire
from jetson_deploy.runtime.opened import runtime_at

_CONTAINER = "jd-default-1"
_MOST_CORE, _MOST_MIB, _MOST_NOTICE = 0.5, 35.0, 60.0


class Told(NamedTuple):
    at: float
    event: dict[str, Any]


class _Watch:
    """`watch` under way with its default interval, and what it said when."""

    def __init__(self, session: Session) -> None:
        self._process = subprocess.Popen(
            session.command("watch", "--events"),
            env=session.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.pid = self._process.pid
        self.told: list[Told] = []
        self._new = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def seconds_until(self, since: float, *words: str) -> float | None:
        """From `since` to the first event of these kinds (a fault, or an action); None: not within two minutes."""
        with self._new:
            while True:
                for told in self.told:
                    if told.at >= since and {told.event.get("fault"), told.event.get("action")} & set(words):
                        return told.at - since
                if not self._new.wait(since + 120 - time.monotonic()):
                    return None

    def end(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(timeout=120)

    def _read(self) -> None:
        for line in self._process.stdout or ():
            with self._new:
                self.told.append(Told(time.monotonic(), json.loads(line)))
                self._new.notify_all()


class _Fault(NamedTuple):
    label: str
    inflict: Callable[[str], None]
    words: tuple[str, ...]


def _server(host: str) -> int:
    found = runtime_at(host).inspect(_CONTAINER)
    return _children(found.pid if found and found.pid else 0)[0]


def _runner(host: str) -> int:
    return _children(_server(host))[0]


def _children(pid: int) -> list[int]:
    texts = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    return [int(word) for text in texts for word in text.split()]


def _pause(host: str) -> None:
    PlainWire(host).ask("POST", f"/containers/{_CONTAINER}/pause", None, 30)


_FAULTS = (
    _Fault("server stopped by SIGSTOP", lambda h: os.kill(_server(h), signal.SIGSTOP), ("frozen", "no-answer")),
    _Fault("runner stopped by SIGSTOP", lambda h: os.kill(_runner(h), signal.SIGSTOP), ("frozen", "wedged")),
    _Fault("server killed", lambda h: os.kill(_server(h), signal.SIGKILL), ("crashed", "crash-loop")),
    _Fault("runner killed", lambda h: os.kill(_runner(h), signal.SIGKILL), ("runner-lost",)),
    _Fault("container paused", _pause, ("paused",)),
)


def watch(rounds: int | None) -> None:
    """`rounds`: how often each fault is inflicted."""
    need_root()
    if subprocess.run([str(REPOSITORY / "scripts/rehearsal-parts")], check=False).returncode != 0:
        raise SystemExit(3)
    with serving() as session:
        note("the watcher's own cost, for a minute")
        core, now, peak = _cost(session)
        rows = [_noticed(session, fault, rounds or 2) for fault in _FAULTS]
    print("| the watcher, beside a server that works | measured | aim |\n| --- | --- | --- |")
    print(f"| CPU, share of one core over 60 s | {core:.2f} % | ≤ {_MOST_CORE:g} %{_missed(core > _MOST_CORE)} |")
    print(f"| resident memory | {now:.1f} MiB | ≤ {_MOST_MIB:g} MiB{_missed(now > _MOST_MIB)} |")
    print(f"| its highest | {peak:.1f} MiB | |")
    print("\n| fault (looks every 10 s) | noticed after, longest | serves again after, longest | aim |")
    print("| --- | --- | --- | --- |")
    for label, noticed, again in rows:
        missed = noticed is None or noticed > _MOST_NOTICE
        print(f"| {label} | {_told(noticed)} | {_told(again)} | noticed ≤ {_MOST_NOTICE:g} s{_missed(missed)} |")


def _told(seconds: float | None) -> str:
    return "not within 120 s" if seconds is None else f"{seconds:.1f} s"


def _missed(missed: bool) -> str:
    return " **missed**" if missed else ""


def _cost(session: Session) -> tuple[float, float, float]:
    """Percent of a core, resident MiB and their highest."""
    running = _Watch(session)
    try:
        time.sleep(15)  # recover and the first look are behind it
        before, started = cpu_seconds(running.pid), time.monotonic()
        time.sleep(60)
        used, seconds = cpu_seconds(running.pid) - before, time.monotonic() - started
        now, peak = resident(running.pid)
    finally:
        running.end()
    return 100 * used / seconds, now, peak


def _noticed(session: Session, fault: _Fault, rounds: int) -> tuple[str, float | None, float | None]:
    note(fault.label)
    noticed: list[float | None] = []
    again: list[float | None] = []
    for _ in range(rounds):
        running = _Watch(session)
        try:
            time.sleep(15)  # past its first look
            since = time.monotonic()
            fault.inflict(session.engine.host)
            noticed.append(running.seconds_until(since, *fault.words))
            again.append(running.seconds_until(since, "recovered"))
        finally:
            running.end()
    return fault.label, _longest(noticed), _longest(again)


def _longest(found: list[float | None]) -> float | None:
    known = [seconds for seconds in found if seconds is not None]
    return max(known) if len(known) == len(found) else None
