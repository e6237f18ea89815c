"""A model from standard input: saved in a file without a name on the store's disk, and read from there.

A tar lists its index after its blobs, and a GGUF is hashed as a whole before anything is placed: neither can be taken
in while it passes. The file has no name, so that nothing is left whenever the run ends.
"""

from __future__ import annotations

import contextlib
import os
import select
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

from jetson_deploy.errors import InterruptedRunError, UsageError
from jetson_deploy.events import Note, Reporter
from jetson_deploy.store.disk_errors import store_error
from jetson_deploy.store.layout import nameless_file, prepare_store

STANDARD_INPUT = "standard input"
_PIECE_BYTES = 1 << 20
_POLL_SECONDS = 0.2


@contextlib.contextmanager
def spooled(source: int, store: Path, report: Reporter, stop: threading.Event) -> Iterator[int]:
    """A descriptor with all that `source` gives, at its beginning; a file that is redirected is taken as it is.

    Raises UsageError (a terminal), ResourceError `disk-full`, PreflightError (the store), InterruptedRunError.
    """
    if os.isatty(source):
        raise UsageError(
            "standard input is a terminal, no pipe",
            hint="write `... | jetson-deploy model import - --as NAME`, or give a file's name",
            code="file-not-regular",
        )
    if stat.S_ISREG(os.fstat(source).st_mode):
        yield source
        return
    paths = prepare_store(store)
    report(Note(level="info", text=f"saving {STANDARD_INPUT} on the disk of {store} first: it is removed at the end"))
    try:
        descriptor = nameless_file(paths.temporary)
    except OSError as error:
        raise store_error(error, paths.root) from error
    try:
        try:
            _save(source, descriptor, stop)
        except OSError as error:
            raise store_error(error, paths.root) from error
        yield descriptor
    finally:
        os.close(descriptor)


def _save(source: int, descriptor: int, stop: threading.Event) -> None:
    while piece := _next(source, stop):
        view = memoryview(piece)
        while view:
            view = view[os.write(descriptor, view) :]


def _next(source: int, stop: threading.Event) -> bytes:
    """Empty at the end."""
    while not stop.is_set():
        if select.select([source], [], [], _POLL_SECONDS)[0]:
            return os.read(source, _PIECE_BYTES)
    raise InterruptedRunError(
        f"interrupted while reading {STANDARD_INPUT}; nothing was kept",
        hint="run the same command again, with the pipe from its beginning",
        code="interrupted",
    )


def path_of(descriptor: int) -> Path:
    """Under which this process can open the file again, whether it has a name or not."""
    return Path(f"/proc/self/fd/{descriptor}")
