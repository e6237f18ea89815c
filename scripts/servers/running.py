"""A server that runs: what it is asked, and how it is ended."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

ANSWER_SECONDS = 240.0


class CannotLoadError(Exception):
    """The server does not serve this model; the text is the server's."""


@dataclass
class RunningServer:
    server: str
    model: str
    context: int
    parallel: int
    kv: str
    url: str
    log: Path
    process: subprocess.Popen[bytes]
    options: dict[str, Any] = field(default_factory=dict)
    """Sent with every question to an Ollama."""

    @property
    def is_ollama(self) -> bool:
        return self.server.startswith("ollama")

    @property
    def pid(self) -> int:
        return self.process.pid

    def log_text(self) -> str:
        return self.log.read_text(errors="replace")

    def get(self, path: str) -> Any:
        return self._asked(urllib.request.Request(self.url + path))

    def post(self, path: str, body: dict[str, Any], seconds: float = ANSWER_SECONDS) -> Any:
        data = json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        return self._asked(urllib.request.Request(self.url + path, data, headers), seconds)

    def _asked(self, request: urllib.request.Request, seconds: float = ANSWER_SECONDS) -> Any:
        try:
            with urllib.request.urlopen(request, timeout=seconds) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise CannotLoadError(f"{self.server}, {self.model}: {error.code} {error.read().decode()[:400]}") from error

    def load(self) -> None:
        """Raises CannotLoadError. Ollama loads without a prompt; a llama-server has loaded when it is ready."""
        if self.is_ollama:
            self.post("/api/generate", {"model": self.model, "options": self.options, "stream": False})

    def ask(self, prompt: str, *, tokens: int = 1) -> Any:
        """Raises CannotLoadError with what the server said when it refuses. `tokens`: at most, 1 or more."""
        if not self.is_ollama:
            return self.post("/completion", {"prompt": prompt, "n_predict": tokens, "temperature": 0})
        options = {**self.options, "num_predict": tokens, "temperature": 0}
        body = {"model": self.model, "prompt": prompt, "raw": True, "stream": False, "options": options}
        return self.post("/api/generate", body)

    def ps(self) -> Any:
        """Ollama's /api/ps."""
        return self.get("/api/ps")

    def runner_pid(self) -> int:
        """Of the process that holds the model."""
        if not self.is_ollama:
            return self.pid
        return max(psutil.Process(self.pid).children(recursive=True), key=lambda one: one.memory_info().rss).pid

    def cpu_seconds(self) -> float:
        """Of the server and all that it started, so far: what else the machine does counts little in it."""
        own = psutil.Process(self.pid)
        return sum(sum(one.cpu_times()[:2]) for one in (own, *own.children(recursive=True)))

    def memory(self) -> dict[str, int]:
        """Bytes of the process that holds the model: RssAnon, RssFile, VmRSS, Pss …, as the kernel names them."""
        folder = Path("/proc") / str(self.runner_pid())
        lines = [*(folder / "status").read_text().splitlines(), *(folder / "smaps_rollup").read_text().splitlines()]
        words = [line.split() for line in lines]
        return {w[0].rstrip(":"): int(w[1]) * 1024 for w in words if len(w) == 3 and w[2] == "kB"}

    def stop(self, sent: signal.Signals = signal.SIGTERM, seconds: float = 10) -> int:
        """The exit code. A llama-server with a client that waits ends at the second signal alone."""
        for one in (sent, sent, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(one)
            try:
                self.process.wait(seconds)
                break
            except subprocess.TimeoutExpired:
                continue
        self.end_left_over()
        return self.process.wait(seconds)

    def end_left_over(self) -> None:
        """What a killed Ollama leaves alive: its runner, still in the session that was made for the server."""
        for _ in range(50):
            left = list(_in_session(self.pid))
            if not left:
                return
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.1)


def _in_session(session: int) -> Iterator[int]:
    for process in psutil.process_iter(["status"]):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getsid(process.pid) == session and process.info["status"] != psutil.STATUS_ZOMBIE:
                yield process.pid
