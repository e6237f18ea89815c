"""F11: a disk is full before or while something is written. What serves goes on; a rerun works when it is free."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from crash_points import planned
from fault_bed import A, Bed, fault_bed
from final_state import containers, problems
from kill_rounds import Served, by_up
from random_faults import filled, small_disks

from jetson_deploy.rehearsal.processes import end

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1200), pytest.mark.fault("F11")]


@pytest.fixture
def disks(bed: Bed) -> Iterator[Bed]:
    with small_disks(bed):
        yield bed


def full_from(served: Served, number: int) -> list[str]:
    bed, wish = served.bed, served.wish()
    process = bed.until_step(number, *wish.words)
    assert process is not None
    repair = filled(bed.state_root)
    done = bed.ended(process)
    wrong = [] if done.code in (0, 6, 7) else [f"it ended with {done.code}: {done.narration[-500:]}"]
    if done.code == 6 and str(bed.state_root) not in done.narration + str(done.document):
        wrong.append(f"does not name the path: {done}")
    wrong += [] if bed.answers() else ["nothing answers"]
    repair()
    rerun = bed.up(*wish.words[4:], "--force")
    wrong += [] if rerun.code == 0 else [f"the rerun ended with {rerun.code}: {rerun.narration[-500:]}"]
    return wrong + problems(bed, context=wish.context, previous=True)


def test_the_disk_of_the_state_is_full_from_any_step_on(
    disks: Bed, full: bool, fault_count: Callable[[str, int, int, str], None]
) -> None:
    served = Served(disks, by_up)
    steps = planned(disks, "plan", *served.wish().words[1:])
    chosen = range(1, len(steps) + 1, 1 if full else 3)
    failures = []
    for number in chosen:
        wrong = full_from(served, number)
        if wrong:
            failures.append(f"full from step {number} ({steps[number - 1]['do']}): {'; '.join(wrong)}")
            served.reset()
    fault_count("F11", len(chosen) - len(failures), len(chosen), "steps with a full disk of the state")
    assert not failures, "\n".join(failures)


def test_a_disk_that_is_full_before_the_model_is_told_in_numbers_and_what_serves_goes_on(disks: Bed) -> None:
    assert disks.up("--context", A).code == 0
    other = disks.session.directory / "other-store"
    other.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(other)], check=True)
    try:
        done = disks.ran("up", "--store", str(other), "--accept-cpu", "--context", A)
        assert (done.code, done.document["exit_code"]) == (6, 6), done
        assert all(word in done.narration for word in ("need", "have", str(other))), done
        assert problems(disks, context=A, previous=False) == []
        subprocess.run(["mount", "-o", "remount,size=8g", str(other)], check=True)
        assert disks.ran("up", "--store", str(other), "--accept-cpu", "--context", A).code == 0
        assert problems(disks, context=A, previous=True) == []
        disks.must("down", "--purge")
    finally:
        subprocess.run(["umount", "-l", str(other)], check=True)


def test_a_disk_that_fills_while_the_model_comes_is_told_and_the_rerun_goes_on(disks: Bed) -> None:
    process = disks.until_step(2, *disks.up_words("--context", A), JETSON_DEPLOY_LIMIT_RATE="8M")
    assert process is not None
    repair = filled(disks.session.store)
    done = disks.ended(process)
    repair()
    # The room for the whole blob is taken before its first byte: whoever fills the disk later does not hurt it.
    assert done.code in (0, 6), done
    if done.code == 6:
        assert containers(disks) == []
    assert disks.up("--context", A).code == 0
    assert problems(disks, context=A, previous=False) == []


@pytest.fixture
def small_engine() -> Iterator[Bed]:
    """An engine whose disk has 24 MiB."""
    with fault_bed("fsmall") as bed:
        data = bed.session.directory / "data"
        end(bed.engine_pid(), bed.session.directory)
        bed.session.engine.stop()
        shutil.rmtree(data)
        data.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(data)], check=True)
        bed.session.start_engine()
        try:
            yield bed
        finally:
            bed.end_runs()
            bed.session.engine.stop()
            subprocess.run(["umount", "-l", str(data)], check=False, capture_output=True)


def test_a_disk_that_fills_while_the_image_comes_is_told_and_the_rerun_works(small_engine: Bed) -> None:
    done = small_engine.up("--context", A)
    assert (done.code, done.document["exit_code"]) == (6, 6), done
    assert containers(small_engine) == []
    subprocess.run(["mount", "-o", "remount,size=2g", str(small_engine.session.directory / "data")], check=True)
    assert small_engine.up("--context", A).code == 0
    assert problems(small_engine, context=A, previous=False) == []


def test_an_output_that_cannot_be_written_is_told_and_the_work_is_whole(bed: Bed) -> None:
    with Path("/dev/full").open("w") as full_disk:
        done = subprocess.run(
            bed.session.command(*bed.up_words("--context", A), "--json"),
            env={**bed.session.environment(), **bed.variables},
            stdout=full_disk,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 6, done.stderr
    assert "Traceback" not in done.stderr and "error:" in done.stderr
    assert problems(bed, context=A, previous=False) == []
