"""Heavy work, `recover` and rolling back, in a process of its own: the watcher stays small, and is not cut short."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from typing import IO

from jetson_deploy.events import Finished, Note, Reporter, read_event
from jetson_deploy.systemd.notify import without_notify

_POLL_SECONDS = 0.5


def run_command(arguments: Sequence[str], report: Reporter, still: Callable[[], None]) -> Finished:
    """Run `jetson-deploy ARGUMENTS --events`; its events are passed on. `still` is called every half second.

    In a session of its own: a Ctrl-C in the terminal ends the watcher when the child is through, not the child.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "jetson_deploy", *arguments, "--events"],
        env=without_notify(os.environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    ends: list[Finished] = []
    reader = threading.Thread(target=_pass_on, args=(process.stdout, report, ends), daemon=True)
    reader.start()
    while True:
        still()
        try:
            code = process.wait(_POLL_SECONDS)
            break
        except subprocess.TimeoutExpired:
            continue
    reader.join(timeout=10)
    if process.stdout is not None and not reader.is_alive():
        process.stdout.close()
    return ends[-1] if ends else Finished(exit_code=code or 70, result="ended", message=f"it ended with {code}")


def _pass_on(stream: IO[bytes] | None, report: Reporter, ends: list[Finished]) -> None:
    for line in stream or ():
        event = read_event(line)
        if isinstance(event, Finished):
            ends.append(event)
        elif event is not None and not (isinstance(event, Note) and event.level == "simulated"):
            report(event)
