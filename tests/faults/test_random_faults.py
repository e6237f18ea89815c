"""F2: random faults at random moments of `up`, `rollback` and `recover`; JD_SEED=n repeats one."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable

import pytest
from fault_bed import A, B, Bed
from final_state import containers, problems
from random_faults import WAYS, Mischief, small_disks, verb_words

pytestmark = [pytest.mark.integration, pytest.mark.fault("F2"), pytest.mark.timeout(7200)]
WHOLE_RUN_SECONDS = 3.0
"""About as long as a replacement takes; moments are drawn from it."""


def seeds(full: bool) -> list[int]:
    one = os.environ.get("JD_SEED")
    return [int(one)] if one else list(range(1, 201 if full else len(WAYS) + 1))


def attack(bed: Bed, seed: int) -> tuple[str, list[str]]:
    """What was done, and what was not as it must be afterwards."""
    dice = random.Random(seed)
    mischief = Mischief(bed, dice)
    # In turn, so that few seeds try every way too.
    way = WAYS[seed % len(WAYS)]
    first_time = seed % 7 == 0
    if first_time:
        bed.fresh()
    words = bed.up_words("--context", A) if first_time else verb_words(bed, dice)
    variables = mischief.clock.variables if way == "clock_jump" else {}
    process = bed.start(*words, "--json", **variables)
    moment = dice.uniform(0, WHOLE_RUN_SECONDS)
    time.sleep(moment)
    repair = getattr(mischief, way)(process)
    done = bed.ended(process)
    repair()
    told = f"seed {seed}: {way} {moment:.2f} s into `{' '.join(words[:2])}`, which ended with {done.code}"
    return told, _repaired(bed)


def _repaired(bed: Bed) -> list[str]:
    """The cause is gone: one more run brings everything in order."""
    before = next((c.context for c in containers(bed) if c.running), None)
    wanted = A if before == B else B
    recovered = bed.ran("recover")
    if recovered.code != 0:
        return [f"recover ended with {recovered.code}: {recovered.narration[-700:]}"]
    # That somebody had to look is said until the next change.
    wrong = [text for text in problems(bed) if not text.startswith("attention")] if containers(bed) else []
    rerun = bed.up("--context", wanted, "--force")
    if rerun.code != 0:
        return [*wrong, f"the rerun ended with {rerun.code}: {rerun.narration[-700:]}"]
    return wrong + problems(bed, context=wanted)


def test_random_faults_leave_nothing_that_one_run_does_not_repair(
    bed: Bed, full: bool, fault_count: Callable[[str, int, int, str], None]
) -> None:
    failures = []
    with small_disks(bed):
        for context in (A, B):
            assert bed.up("--context", context).code == 0
        for seed in seeds(full):
            try:
                told, wrong = attack(bed, seed)
            except AssertionError as error:
                told, wrong = f"seed {seed}", [str(error)[-1500:]]
            print(f"{told}: {'; '.join(wrong) or 'held'}", flush=True)
            if wrong:
                failures.append(f"{told}: {'; '.join(wrong)}")
                bed.end_runs()
                bed.session.start_registry()
                bed.session.start_engine()
                bed.fresh()
                for context in (A, B):
                    assert bed.up("--context", context).code == 0
    total = len(seeds(full))
    fault_count("F2", total - len(failures), total, "seeds")
    assert not failures, "\n".join(failures)
