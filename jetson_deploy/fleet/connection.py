"""What is asked of a connection to a device. `transport/` implements it; tests of what is above give a fake."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

import msgspec

from jetson_deploy.fleet.device import Device

OUTPUT_BYTES = 2 << 20
"""Of one answer: a device that is broken, or hostile, must not fill the controller's memory."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Of a command that ran to its end there."""

    exit_status: int
    """128 + N where signal N ended it."""
    stdout: bytes
    stderr: bytes
    cut: bool = False
    """More than was asked for was said, and dropped."""


class Connection(Protocol):
    """To one device, logged in. Every method raises ConnectionLostError once it is lost."""

    @property
    def device(self) -> Device: ...

    async def run(
        self,
        command: str,
        *,
        seconds: float,
        stdin: bytes = b"",
        root: bool = False,
        limit: int = OUTPUT_BYTES,
    ) -> Answer:
        """One command of its shell. `stdin` may be a script of any size; the command string at most 100 kB.

        `root`: with sudo where the login is not root's. Raises DeviceError `timed-out` after `seconds` (the command
        may go on there), `sudo-refused`.
        """

    def lines(self, command: str, *, root: bool = False, silence: float) -> AsyncIterator[bytes]:
        """Its stdout, line by line without the newline, as it comes; ends when the command does.

        A line longer than 1 MiB is cut. Raises DeviceError `timed-out` after `silence` seconds without a byte. The
        command is ended when the iterator is closed.
        """

    async def send(self, source: Path, target: str, *, root: bool = False) -> None:
        """A file: to `target`.part, hashed there, then renamed. Raises DeviceError `no-space` before, with numbers."""


class Transport(Protocol):
    """Opens connections: at most eight logins at once for each address or jump host, one connection for each."""

    def connect(self, device: Device) -> AbstractAsyncContextManager[Connection]:
        """Raises DeviceError: unreachable, refused, unknown or changed host key, name not resolved."""

    async def close(self) -> None:
        """End what is shared: connections to jump hosts."""
