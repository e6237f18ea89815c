"""An answer and its exit code are one, whatever comes between them, to the last instruction of Python's own end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from jetson_deploy.interrupts import INTERRUPTIONS

BOARD = Path(__file__).parent / "hosts" / "orin-nano-8gb-jp6.2" / "root"


@pytest.mark.parametrize("number", INTERRUPTIONS)
@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("plan", "--json"), 0), (("plan", "no-such-model", "--events"), 2)],
    ids=["done", "refused"],
)
def test_interruptions_after_the_document_change_nothing(
    number: signal.Signals, arguments: tuple[str, ...], code: int
) -> None:
    argv = [sys.executable, "-m", "jetson_deploy", *arguments, "--root", str(BOARD)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        said = b""
        while not is_whole(said):
            more = os.read(process.stdout.fileno(), 1 << 16)
            assert more, said
            said += more
        while process.poll() is None:
            process.send_signal(number)
        rest = process.stdout.read()
    assert (process.returncode, rest) == (code, b"")


def is_whole(said: bytes) -> bool:
    try:
        return said.endswith(b"\n") and bool(json.loads(said.splitlines()[-1] if said.count(b'"event"') else said))
    except ValueError:
        return False
