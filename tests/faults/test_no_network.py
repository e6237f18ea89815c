"""F12, F13 and F19: the registry is gone; the port or a name is somebody else's."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fault_bed import A, B, Bed
from final_state import containers, problems

pytestmark = pytest.mark.integration
_COUNTS = (
    "import socket, sys\n"
    "s = socket.create_server(('127.0.0.1', int(sys.argv[1])))\n"
    "print('listening', flush=True)\n"
    "while True:\n"
    "    s.accept()[0].close()\n"
    "    print('asked', flush=True)\n"
)


@contextmanager
def listener(bed: Bed, port: int) -> Iterator[Path]:
    """Somebody listens there and hangs up; the file says how often."""
    log = bed.session.directory / f"listener-{port}"
    argv = [*bed.session.namespace.enter(), sys.executable, "-c", _COUNTS, str(port)]
    with log.open("w") as out:
        process = subprocess.Popen(argv, stdout=out)
    try:
        while "listening" not in log.read_text():
            assert process.poll() is None
            time.sleep(0.02)
        yield log
        assert process.poll() is None, "the foreign server was ended"
    finally:
        process.kill()
        process.wait()


@contextmanager
def no_registry(bed: Bed) -> Iterator[None]:
    bed.session.stop_registry()
    try:
        yield
    finally:
        bed.session.start_registry()


@pytest.mark.fault("F12")
def test_with_everything_here_nobody_is_asked_and_it_takes_no_longer(bed: Bed) -> None:
    for context in (A, B):
        assert bed.up("--context", context).code == 0
    started = time.monotonic()
    assert bed.up("--context", A).code == 0
    usual = time.monotonic() - started
    with no_registry(bed), listener(bed, 5000) as asked:
        started = time.monotonic()
        done = bed.up("--context", B)
        seconds = time.monotonic() - started
        assert "asked" not in asked.read_text(), "the registry was asked"
    assert done.code == 0, done
    assert seconds < 3 * usual + 5, (seconds, usual)  # a moment later the machine may be busier
    assert problems(bed, context=B, previous=True) == []


@pytest.mark.fault("F13")
def test_without_the_model_it_fails_soon_names_the_host_and_changes_nothing(bed: Bed) -> None:
    started = time.monotonic()
    bed.must("plan", *bed.up_words("--context", A)[1:])
    usual = time.monotonic() - started
    with no_registry(bed):
        started = time.monotonic()
        done = bed.up("--context", A)
        seconds = time.monotonic() - started
    assert (done.code, done.document["exit_code"]) == (4, 4), done
    assert "127.0.0.1:5000" in done.narration, done
    assert seconds < 20 + 5 * usual, (seconds, usual)
    assert containers(bed) == []
    assert bed.up("--context", A).code == 0
    assert problems(bed, context=A, previous=False) == []


@pytest.mark.fault("F19")
def test_a_foreign_server_on_the_port_is_refused_and_not_touched(bed: Bed) -> None:
    with listener(bed, 11434):
        done = bed.up("--context", A)
        assert (done.code, done.word) == (3, "port-taken"), done
        assert containers(bed) == []
