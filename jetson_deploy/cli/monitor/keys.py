"""Single keys of a terminal, read in a thread; the terminal is as before afterwards, whatever happens."""

from __future__ import annotations

import contextlib
import os
import select
import termios
import threading
import tty
from collections.abc import Callable

_GONE = "q"
"""A terminal that was closed asks for the end."""


class Keyboard:
    """`pressed` is called with each key, in the reader's thread. Ctrl-C and Ctrl-Z stay signals."""

    def __init__(self, descriptor: int, pressed: Callable[[str], None]) -> None:
        self._descriptor, self._pressed = descriptor, pressed
        self._before: list[int | list[bytes | int]] | None = None
        self._wake: tuple[int, int] | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Raises termios.error where it is no terminal."""
        self._before = termios.tcgetattr(self._descriptor)
        self._wake = os.pipe()
        tty.setcbreak(self._descriptor, termios.TCSADRAIN)
        self._thread = threading.Thread(target=self._read, args=(self._wake[0],), name="keys", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """The terminal as it was; keys that were typed and not read are dropped. May be called again."""
        if self._before is None or self._wake is None:
            return
        with contextlib.suppress(termios.error):  # the terminal is gone
            termios.tcsetattr(self._descriptor, termios.TCSAFLUSH, self._before)
        self._before = None
        os.write(self._wake[1], b"x")
        if self._thread is not None:
            self._thread.join()
        for end in self._wake:
            os.close(end)

    def _read(self, wake: int) -> None:
        while True:
            ready, _, _ = select.select([self._descriptor, wake], [], [])
            if wake in ready:
                return
            try:
                typed = os.read(self._descriptor, 64)
            except OSError:
                typed = b""
            if not typed:
                self._pressed(_GONE)
                return
            if not typed.startswith(b"\x1b"):  # arrows and the like are nothing of ours
                for one in typed.decode(errors="ignore"):
                    self._pressed(one)
