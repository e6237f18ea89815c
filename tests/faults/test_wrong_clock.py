"""F21: the wall clock says 1970, 2000 or 2099, from the start or in the middle of a run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from fault_bed import A, B, Bed
from final_state import containers, problems
from wall_clock import YEARS, WallClock

pytestmark = [pytest.mark.integration, pytest.mark.fault("F21")]
_NEGATIVE = re.compile(r'"seconds": -|-\d+(\.\d+)? ?(s|min|h|days?|hours?|minutes?|seconds?) ago| in -\d')


@pytest.fixture
def clock(bed: Bed) -> Iterator[WallClock]:
    clock = WallClock(bed.session.directory)
    bed.variables.update(clock.variables)
    yield clock
    for name in clock.variables:
        del bed.variables[name]


@pytest.mark.parametrize("year", YEARS)
def test_a_wrong_clock_is_said_and_no_duration_is_negative(bed: Bed, clock: WallClock, year: int) -> None:
    assert bed.up("--context", A).code == 0
    clock.set_to(year)
    changed = bed.up("--context", B)
    assert changed.code in (0, 3), changed
    assert "clock" in changed.narration, changed
    serves = B if changed.code == 0 else A
    assert problems(bed, context=serves) == []
    said = [bed.ran(verb) for verb in ("status", "history")]
    clock.set_right()
    said += [bed.ran(verb) for verb in ("status", "history")]
    for done in said:
        assert done.code == 0, done
        assert not _NEGATIVE.search(json.dumps(done.document) + done.narration), done
    assert bed.up("--context", A).code == 0
    assert problems(bed, context=A, previous=True) == []


@pytest.mark.parametrize("year", YEARS)
def test_a_clock_that_jumps_in_the_cutover_changes_no_duration(bed: Bed, clock: WallClock, year: int) -> None:
    assert bed.up("--context", A).code == 0
    process = bed.until_step(4, *bed.up_words("--context", B))
    assert process is not None
    clock.set_to(year)
    done = bed.ended(process)
    assert done.code == 0, done
    clock.set_right()
    (running,) = (c for c in containers(bed) if c.running)
    assert running.context == B
    assert problems(bed, context=B, previous=True) == []
    history = bed.must("history")
    assert not _NEGATIVE.search(json.dumps(history.document)), history


def test_a_first_deployment_with_the_clock_of_1970_works_or_says_why_not(bed: Bed, clock: WallClock) -> None:
    clock.set_to(1970)
    first = bed.up("--context", A)
    assert first.code in (0, 3), first
    assert "clock" in first.narration, first
    clock.set_right()
    assert bed.up("--context", A).code == 0
    assert problems(bed, context=A, previous=False) == []
