"""A `watch` under way beside a rehearsal's deployment, and what the tests of it look at."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker

from jetson_deploy.rehearsal.session import Session
from jetson_deploy.state.directory import StateDirectory

NOTICE_SECONDS = 60.0
"""The issue's aim. The looks are closer together here, the machine is shared."""


class Watching:
    """A `watch` under way, and what it told so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.events: list[dict[str, Any]] = []
        self._new = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def until(self, fits: Callable[[dict[str, Any]], bool], seconds: float = NOTICE_SECONDS) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        with self._new:
            while True:
                for event in self.events:
                    if fits(event):
                        return event
                assert self._new.wait(deadline - time.monotonic()), f"not within {seconds} s: {self.events}"

    def noticed(self, *faults: str) -> dict[str, Any]:
        return self.until(lambda e: e["event"] == "noticed" and e["fault"] in faults)

    def healed(self, action: str, seconds: float = NOTICE_SECONDS) -> dict[str, Any]:
        return self.until(lambda e: e["event"] == "healed" and e["action"] == action, seconds)

    def said(self, text: str) -> dict[str, Any]:
        return self.until(lambda e: e["event"] == "note" and text in e["text"])

    def end(self) -> float:
        """Seconds that it took."""
        started = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=120)
        seconds = time.monotonic() - started
        self._reader.join(timeout=120)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return seconds

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._new:
                self.events.append(json.loads(line))
                self._new.notify_all()


@contextmanager
def heard(folder: str) -> Iterator[socket.socket]:
    """Where a service tells systemd; what it tells and is not asked for is dropped when the socket is full."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(f"{folder}/notify")
        listener.settimeout(120)
        yield listener


@contextmanager
def watching(session: Session, *options: str, environment: dict[str, str] | None = None) -> Iterator[Watching]:
    """`watch` with looks every two seconds, past its first one."""
    with tempfile.TemporaryFile("w+") as narration, tempfile.TemporaryDirectory() as folder, heard(folder) as told:
        process = subprocess.Popen(
            session.command("watch", "--events", "--interval", "2", *options),
            env={**session.environment(), **(environment or {}), "NOTIFY_SOCKET": f"{folder}/notify"},
            stdout=subprocess.PIPE,
            stderr=narration,
            text=True,
        )
        found = Watching(process)
        try:
            while not told.recv(4096).startswith(b"STATUS="):  # what the first look found
                pass
            yield found
        finally:
            found.end()
            narration.seek(0)
            assert "Traceback" not in narration.read()


def server_pid(engine: docker.APIClient, container: str) -> int:
    """Of the server, the child of the container's init."""
    init = int(engine.inspect_container(container)["State"]["Pid"])
    return children(init)[0]


def children(pid: int) -> list[int]:
    texts = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    return [int(word) for text in texts for word in text.split()]


def history(session: Session, name: str = "default") -> list[str]:
    state = StateDirectory(Path(session.variables()["JETSON_DEPLOY_STATE_DIR"]), name).load()
    return [line.result for line in state.lines if line.command == "watch"] if state else []
