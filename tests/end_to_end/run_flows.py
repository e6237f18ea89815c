"""Runs every flow of this folder, in a process with no Docker SDK and no socket; one line of JSON for each."""

from __future__ import annotations

import json
import sys
import tempfile
import traceback
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "fakes"), str(HERE.parent / "store")]

from alone import refuse_docker_and_sockets, refused  # noqa: E402 - the path first

refuse_docker_and_sockets()

from flows import FLOWS  # noqa: E402 - after the refusals

MEMORY = Path("/dev/shm")
"""Where there is one: the commands sync what they write, and no disk is to be waited for."""


def main() -> None:
    where = MEMORY if MEMORY.is_dir() else None
    for name, flow in FLOWS.items():
        with tempfile.TemporaryDirectory(dir=where) as folder:
            try:
                flow(Path(folder))
                problem = ""
            except BaseException as error:
                told = traceback.TracebackException.from_exception(error, capture_locals=True)
                problem = "".join(told.format())
        print(json.dumps({"flow": name, "problem": problem or ", ".join(refused)}), flush=True)


if __name__ == "__main__":
    main()
