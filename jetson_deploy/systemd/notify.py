"""sd_notify(3): tell systemd that we are ready, what we do, and that we live."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping

_VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")


class Notifier:
    """Does nothing where systemd did not ask for it."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        env = os.environ if environ is None else environ
        address = env.get("NOTIFY_SOCKET", "")
        # `@` stands for the zero byte of an abstract socket.
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._last = ""

    def ready(self) -> None:
        self._send("READY=1")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def alive(self) -> None:
        self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        """Shown by `systemctl status`; sent when it changed."""
        if text != self._last:
            self._last = text
            self._send("STATUS=" + " ".join(text.split()))

    def _send(self, text: str) -> None:
        if not self._address.startswith(("/", "\0")):
            return
        # A full or vanished socket: systemd's own watchdog then acts.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            sender.sendto(text.encode(), self._address)


def without_notify(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment for a child, which must not speak in our name."""
    return {key: value for key, value in environ.items() if key not in _VARIABLES}
