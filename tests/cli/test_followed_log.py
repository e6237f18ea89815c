"""`logs --follow` of a server that is quiet: it ends when its reader goes away, not at the server's next line."""

from __future__ import annotations

import subprocess
import sys

QUIET = """
import sys, threading
from jetson_deploy.cli import logs

def pieces():
    yield "one\\ntwo\\n"
    threading.Event().wait()

with logs._followed():
    logs._show(pieces(), as_events=False)
print("ended in order", file=sys.stderr)
"""


def test_a_reader_that_goes_away_ends_it_while_the_server_is_quiet() -> None:
    process = subprocess.Popen([sys.executable, "-c", QUIET], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None and process.stderr is not None
    assert process.stdout.readline() == b"one\n"
    process.stdout.close()
    said = process.stderr.read()
    process.stderr.close()
    assert (process.wait(timeout=60), said) == (0, b"ended in order\n")
