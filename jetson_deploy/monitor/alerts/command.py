"""An alert as the standard input of a program: JSON, and the same in its environment. Never through a shell."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jetson_deploy.monitor.alerts.delivery import SinkError
from jetson_deploy.monitor.alerts.messages import Message

if TYPE_CHECKING:
    import subprocess

SECONDS = 30.0
PREFIX = "JETSON_DEPLOY_ALERT_"


class Command:
    """`argv`: an absolute path first. It is ended, with what it started, when it takes too long."""

    def __init__(self, argv: Sequence[str], *, seconds: float = SECONDS) -> None:
        self._argv, self._seconds = tuple(argv), seconds
        self.name = f"command {Path(argv[0]).name}"

    def deliver(self, message: Message) -> None:
        import subprocess  # only who has such a sink pays for it

        try:
            process = subprocess.Popen(
                self._argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env={**os.environ, **variables(message)},
                start_new_session=True,
            )
        except OSError as error:
            raise SinkError(f"it cannot be started: {error.strerror}") from None
        try:
            _, errors = process.communicate(message.json + b"\n", timeout=self._seconds)
        except subprocess.TimeoutExpired:
            _end(process)
            raise SinkError(f"it took longer than {self._seconds:g} s and was ended", again=False) from None
        if process.returncode != 0:
            line = errors.decode(errors="replace").strip().rpartition("\n")[2][:200]
            errors_words = f": {line}" if line.isprintable() and line else ""
            raise SinkError(f"it ended with {process.returncode}{errors_words}", again=False)


def variables(message: Message) -> dict[str, str]:
    alert = message.alert
    found = {
        "STATE": message.state,
        "ID": alert.id,
        "SUBJECT": alert.subject,
        "SEVERITY": alert.severity,
        "TITLE": alert.title,
        "CAUSE": alert.cause,
        "FIX": alert.fix,
        "VALUE": "" if alert.value is None else f"{alert.value:g}",
        "HOST": message.host or "",
    }
    return {PREFIX + name: value.replace("\0", "") for name, value in found.items()}


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    for stream in (process.stdin, process.stderr):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()
    process.wait()
