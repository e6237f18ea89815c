"""F29: many changes to and fro. Descriptors, containers, images and files do not grow."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from fault_bed import A, B, Bed
from final_state import containers, problems, state_of

pytestmark = [pytest.mark.integration, pytest.mark.fault("F29"), pytest.mark.timeout(10800)]
FULL, SHORT, FILLING = 500, 6, 10
LONG_LIVED = Path(__file__).with_name("long_lived.py")


def counted(bed: Bed) -> dict[str, int]:
    """What may not grow. Files are those of the state and of the store."""
    engine = bed.engine_pid()
    return {
        "containers": len(containers(bed)),
        "images": len(bed.engine("/images/json")),
        "files": sum(1 for root in (bed.state_root, bed.session.store) for p in root.rglob("*") if p.is_file()),
        "engine_descriptors": len(list(Path(f"/proc/{engine}/fd").iterdir())),
        "revisions": len(state_of(bed).revisions),
    }


SLACK = {"engine_descriptors": 8, "files": 1}
"""The engine keeps some connections for a while; the state before the first is not there."""
MOST_STATE_BYTES = 128 << 10
"""10 revisions with their specs, 100 lines of history."""


def test_cycles_of_up_and_rollback_leave_nothing_behind(
    bed: Bed, full: bool, fault_count: Callable[[str, int, int, str], None]
) -> None:
    total = FULL if full else SHORT
    for context in (A, B):
        assert bed.up("--context", context).code == 0
    # What is bounded (10 revisions) has to be full before growth can be told from filling up.
    descriptors = _cycles(bed, FILLING)[-1]
    before = counted(bed)
    seen = _cycles(bed, total)
    after = counted(bed)
    grown = {k: (before[k], after[k]) for k in before if after[k] > before[k] + SLACK.get(k, 0)}
    if seen[-1] > descriptors:
        grown["our_descriptors"] = (descriptors, seen[-1])
    wrong = problems(bed, previous=True)
    fault_count("F29", len(seen) if not grown and not wrong else 0, total, "cycles of up and rollback without growth")
    assert (grown, wrong) == ({}, []), (before, after)
    assert after["revisions"] <= 10
    assert (bed.state_root / "default/state.json").stat().st_size <= MOST_STATE_BYTES


def _cycles(bed: Bed, number: int) -> list[int]:
    """Our descriptors after each cycle, all made by one long-lived process."""
    argv = [*bed.session.namespace.enter(), sys.executable, str(LONG_LIVED), str(bed.session.root), str(number)]
    environment = {**bed.session.environment(), **bed.variables, "JD_STORE": str(bed.session.store)}
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=20 * number + 60, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return [int(n) for n in json.loads(done.stdout)]
