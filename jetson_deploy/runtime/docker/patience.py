"""Time limits of Docker's answers: to read is quick, to change something on an SD card is not."""

from __future__ import annotations

from typing import NamedTuple


class Patience(NamedTuple):
    """Seconds, for each wait."""

    look: float = 20.0
    """An engine that unpacks an image on an SD card takes seconds for its list of images."""
    first: float = 10.0
    """The first question, for its version: nothing holds that up but an engine that hangs."""
    change: float = 120.0
    """Creating and starting: NVIDIA's hooks mount dozens of files."""
    remove: float = 600.0
    """Removing an image of 6 GB from eMMC or SD takes minutes, and the engine answers when it is done."""
    pause: float = 0.2
    """Before a change is asked for again that was refused for a moment only."""


def quick(seconds: float) -> Patience:
    """Starting again after a hard stop waits for the shim and the runtime: seconds on an SD card."""
    return Patience(look=seconds, first=seconds, change=seconds + 20, remove=seconds + 20)
