"""Ends a run of virtual boards when the process that made it is gone, however it went: `python -m … DIRECTORY`.

A run's qemus and registry outlive whoever started them. The guard sees its standard input end, and was not asked to let
them go on: it then leaves nothing of the run.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from jetson_deploy.interrupts import INTERRUPTIONS
from jetson_deploy.rehearsal import registry
from jetson_deploy.rehearsal.processes import end_all
from jetson_deploy.rehearsal.product_plan import python_path
from jetson_deploy.rehearsal.virtual.command_line import PROGRAM
from jetson_deploy.rehearsal.virtual.machine import machines

_STAY = b"stay"


class Guard:
    def __init__(self, directory: Path) -> None:
        argv = [sys.executable, "-m", __name__, str(directory)]
        self._process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": python_path()},
        )

    def stay(self) -> None:
        """The run goes on when this process ends."""
        self._process.communicate(_STAY)

    def end(self) -> None:
        """With the run."""
        self._process.communicate()


def end_run(directory: Path) -> None:
    """All of it, in any state; nothing of another program."""
    for machine in machines(directory):
        machine.remove()
    for program in (PROGRAM, registry.PROGRAM):  # also a qemu that was killed for before it was written down
        end_all(directory, program)
    shutil.rmtree(directory, ignore_errors=True)


def main() -> None:
    for number in INTERRUPTIONS:
        signal.signal(number, signal.SIG_IGN)
    if sys.stdin.buffer.read() != _STAY:
        end_run(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
