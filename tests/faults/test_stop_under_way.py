"""F1, the slow stop: the run dies while the engine still waits for the old server to end, and ends it afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest
from crash_points import planned
from fault_bed import A, B, Bed
from final_state import containers, problems
from freezing import freeze

pytestmark = [pytest.mark.integration, pytest.mark.fault("F1")]


def server_pid(bed: Bed) -> int:
    """Of the server that serves: the child of the container's init."""
    (running,) = (c for c in containers(bed) if c.running)
    init = bed.engine(f"/containers/{running.name}/json")["State"]["Pid"]
    children = subprocess.run(["pgrep", "-P", str(init)], capture_output=True, text=True, check=True).stdout.split()
    return int(children[0])


@pytest.fixture
def stopping(bed: Bed) -> Iterator[int]:
    """A run was killed while the engine waits for the old server, which is frozen. Pid of that server."""
    for context in (A, B):
        assert bed.up("--context", context).code == 0
    pid = server_pid(bed)
    freeze(pid)  # before the run: the engine's signal might come first
    stop = [step["do"] for step in planned(bed, "plan", *bed.up_words("--context", A)[1:])].index("stop-container")
    process = bed.until_step(stop + 1, *bed.up_words("--context", A))
    assert process is not None
    time.sleep(1.5)
    process.kill()
    bed.forget(process)
    assert bed.engine("/containers/json?all=1"), "the engine does not answer"
    yield pid


@pytest.mark.parametrize("repair", ["recover", "up"])
def test_what_the_engine_is_still_ending_is_not_taken_for_what_serves(bed: Bed, stopping: int, repair: str) -> None:
    repairing = bed.start(*(("recover",) if repair == "recover" else bed.up_words("--context", A)), "--json")
    time.sleep(2)
    os.kill(stopping, signal.SIGCONT)
    done = bed.ended(repairing)
    assert done.code == 0, done
    time.sleep(1)
    assert problems(bed, context=B if repair == "recover" else A) == []
