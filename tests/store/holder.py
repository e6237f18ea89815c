"""A process that needs a file: it has it `open` or `mapped`, or was started with its name alone (`named`)."""

from __future__ import annotations

import contextlib
import mmap
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def holding(how: str, path: Path) -> Iterator[int]:
    """The pid of such a process, until the end of the block. Only `named` has the path in its command line."""
    command = [sys.executable, "-I", "-S", __file__, how, *([str(path)] if how == "named" else [])]
    environment = os.environ | {"HELD": str(path)}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, env=environment, text=True) as process:
        if process.stdout is None or process.stdin is None:
            raise AssertionError("no pipes")
        assert process.stdout.readline() == "held\n"
        yield process.pid
        process.stdin.close()


def main() -> None:
    how = sys.argv[1]
    held: list[object] = []
    if how != "named":
        file = Path(os.environ["HELD"]).open("rb")  # noqa: SIM115 - held until the end
        held.append(file)
        if how == "mapped":
            held.append(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ))
            file.close()
    print("held", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
