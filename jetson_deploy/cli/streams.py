"""The standard streams when they are closed, full, no longer read, or of an old encoding."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, TextIO

from jetson_deploy.cli.foreign import visible
from jetson_deploy.errors import ResourceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from jetson_deploy.events import Event, Reporter


class ReaderGone(Exception):  # noqa: N818 - no error: `| head` has seen enough
    """The reader of the answer is gone. Not an OSError, of which click makes an exit code of its own."""


def prepare() -> None:
    """Every later writer may count on all three, and on any character.

    A closed stream becomes /dev/null, before another file gets its number. What an encoding lacks is shown escaped.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115 - pathlib costs 5 ms
    if sys.stdout.encoding != "utf-8" and hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")


def write(stream: TextIO, text: str) -> None:
    """Write what may reach a terminal, and flush: control characters that are not ours are shown escaped.

    Raises ReaderGone when the reader is gone, ResourceError when it cannot be written.
    """
    write_raw(stream, visible(text))


def write_raw(stream: TextIO, text: str) -> None:
    """As `write`, with every character as it is: for a file or a pipe that asked for it."""
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError as error:
        give_up(stream)
        raise ReaderGone from error
    except OSError as error:
        give_up(stream)
        raise ResourceError(
            f"the output cannot be written: {error.strerror}",
            hint="free space where it goes, or send it elsewhere; status shows the running deployment",
            code="output-not-writable",
        ) from error


def write_bytes(stream: TextIO, content: bytes) -> None:
    """A file of ours, into a pipe or another file. Raises ReaderGone, OSError."""
    try:
        stream.flush()
        stream.buffer.write(content)
        stream.buffer.flush()
    except BrokenPipeError as error:
        give_up(stream)
        raise ReaderGone from error
    except OSError:
        give_up(stream)
        raise


def give_up(stream: TextIO) -> None:
    """Nothing more goes there, and Python does not complain at its end about what its buffer holds."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def unfailing(report: Reporter) -> Reporter:
    """A reporter whose reader may go away: the terminal is gone, the pipe is closed, and the work goes on.

    SystemExit: rich leaves the program when its pipe is closed.
    """

    def tell(event: Event) -> None:
        quietly(lambda: report(event))

    return tell


def quietly(act: Callable[[], None]) -> None:
    """Narrate, or not."""
    with contextlib.suppress(OSError, ReaderGone, ResourceError, SystemExit):
        act()
