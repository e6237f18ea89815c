"""kill -9 at any moment, a power cut at any write, a full disk: what was committed is there, and recording goes on."""

from __future__ import annotations

import errno
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from chosen_seed import chosen_seed
from power_cut_fs import TAKES_ROOM, Failure, Order, PowerCutDisk, power_cut_disk
from volatile_disk import KEEPS_NOTHING

from jetson_deploy.monitor.history.opening import open_history
from jetson_deploy.monitor.history.recorder import Recorder

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
BOARD = Path(__file__).parents[1] / "monitor/boards/orin-nano-super-r36.5"
KEY = "power_total_watts"
RECORD = """
import sys, pathlib, time
from jetson_deploy.monitor.history.recorder import Recorder
from jetson_deploy.monitor.monitor import Latest
from jetson_deploy.monitor.sample import Sample
first, batches, pause = int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
recorder = Recorder(
    pathlib.Path(sys.argv[1]), say=lambda text: print("said", text, flush=True),
    read=lambda sample: {"power_total_watts": sample.monotonic, **{f"r.{n}": n * sample.monotonic for n in range(9)}},
)
for batch in range(first, first + batches):
    for second in range(batch * 30, batch * 30 + 30):
        recorder.receive(Latest(sample=Sample(at=1.8e9 + second, monotonic=float(second))))
    recorder.flush()
    print("written" if recorder.paused is None else "paused", batch, flush=True)
    time.sleep(pause)
recorder.close()
print("ended", flush=True)
"""

READ = """
import os, pathlib, sys
from jetson_deploy.monitor.history.opening import open_history
os.setgroups([]); os.setgid(65534); os.setuid(65534)
with open_history(pathlib.Path(sys.argv[1])) as history:
    print(len(list(history.raw(["power_total_watts"]))))
"""


def recording(path: Path, first: int, batches: int, pause: float = 0.0) -> subprocess.Popen[str]:
    argv = [sys.executable, "-c", RECORD, str(path), str(first), str(batches), str(pause)]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)


def told(text: str) -> tuple[list[int], list[str]]:
    """(batches that were said to be written, what else the recorder said). A kill may cut the last line short."""
    whole, _, _ = text.rpartition("\n")
    lines = [line.split(" ", 1) for line in whole.splitlines()]
    return [int(line[1]) for line in lines if line[0] == "written"], [line[1] for line in lines if line[0] == "said"]


def recorded(path: Path) -> list[float]:
    with open_history(path) as history:
        return [row.values[0] or 0.0 for row in history.raw([KEY])]


def minute_counts(path: Path) -> list[int]:
    with open_history(path) as history:
        return [row.stats[0].count for row in history.minutes([KEY]) if row.stats[0]]


def test_killed_at_any_moment_it_has_what_it_committed_and_goes_on(tmp_path: Path) -> None:
    path, chance, first, expected = tmp_path / "history.sqlite3", random.Random(chosen_seed()), 0, set[int]()
    for _ in range(12):
        process = recording(path, first, 1000)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(chance.random() * 0.12)
        process.send_signal(signal.SIGKILL)
        written, said = told(f"written {first}\n" + process.stdout.read())
        process.wait()
        process.stdout.close()
        assert said == []
        expected |= set(written)
        found = recorded(path)
        assert found == sorted(set(found)), "a sample is there twice"
        assert {batch * 30.0 for batch in expected} <= set(found), "what was committed is lost"
        first = max(expected) + 2  # the one that was under way may be there or not
    with_end = recording(path, first, 1)
    assert with_end.wait(120) == 0
    assert with_end.stdout is not None
    with_end.stdout.close()
    assert sum(minute_counts(path)) == len(recorded(path)), "minutes lost or doubled a sample"


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PowerCutDisk]:
    with power_cut_disk(tmp_path_factory.mktemp("power") / "disk") as disk:
        yield disk


def test_after_a_power_cut_at_any_write_what_was_committed_is_there_and_recording_goes_on(disk: PowerCutDisk) -> None:
    path = disk.point / "monitor" / "history.sqlite3"
    chance, kept = random.Random(chosen_seed()), 0
    for number in range(14):
        disk.order(Order(fresh=True))
        disk.order(Order(cut_after=chance.randrange(150)))
        process = recording(path, 0, 24)
        text, _ = process.communicate(timeout=120)
        done, was_cut = disk.state().operations, disk.state().is_cut
        disk.order(Order(power_lost=KEEPS_NOTHING if number % 3 == 0 else chance.randrange(1, 1000)))
        written, said = told(text)
        again, _ = recording(path, 100, 1).communicate(timeout=120)
        assert "written 100" in again and not said, (again, done[-6:])
        found = recorded(path)
        assert {batch * 30.0 for batch in written} <= set(found), f"committed and lost: {again} {done[-6:]}"
        assert sum(minute_counts(path)) == len(found) == len(set(found))
        kept += was_cut and bool(written)
    assert kept > 2, "no cut came after a commit: nothing was tried"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EIO], ids=["full", "read-only", "broken"])
def test_a_disk_that_refuses_for_a_while_pauses_it_and_costs_nothing(disk: PowerCutDisk, number: int) -> None:
    path = disk.point / "monitor" / "history.sqlite3"
    disk.order(Order(fresh=True))
    kinds = TAKES_ROOM if number == errno.ENOSPC else ("create", "write", "fsync", "setattr", "unlink")
    disk.order(Order(failure=Failure(number=number, nth=60, kinds=kinds, times=40)))
    process = recording(path, 0, 60, pause=0.02)
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        if line.startswith("paused") and number == errno.ENOSPC and text.count("paused") == 3:
            disk.order(Order())  # room again
    assert process.wait(120) == 0
    process.stdout.close()
    _, said = told(text)
    assert [words.split(":")[1].split()[:2] for words in said] == [["recording", "pauses"], ["recording", "goes"]], said
    assert recorded(path) == [float(second) for second in range(1800)]


def test_another_user_reads_it_while_it_is_recorded_and_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite3"
    for place in (tmp_path, *tmp_path.parents):
        if place.stat().st_mode & 0o5 != 0o5 and place != Path("/"):
            place.chmod(place.stat().st_mode | 0o5)
    process = recording(path, 0, 2, pause=600)
    assert process.stdout is not None
    process.stdout.readline()

    def as_nobody() -> int:
        done = subprocess.run([sys.executable, "-c", READ, path], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return int(done.stdout)

    try:
        assert as_nobody() == 30
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    assert as_nobody() == 30, "after a kill"
    Recorder(path).close()
    assert not Path(f"{path}-wal").exists()
    assert as_nobody() == 30, "after an ordinary end"


def test_the_verb_records_a_board_until_sigterm_with_everything_committed_and_exit_0(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite3"
    argv = [sys.executable, "-m", "jetson_deploy", "monitor", "record", "--root", str(BOARD), "--db", str(path)]
    with subprocess.Popen(
        [*argv, "--period", "0.2"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as going:
        assert going.stderr is not None
        assert f"recording into {path} every 0.2 s" in going.stderr.readline()
        second = subprocess.run(argv, capture_output=True, text=True, check=False)
        time.sleep(0.5)
        going.send_signal(signal.SIGTERM)
        out, _ = going.communicate(timeout=120)
    assert (going.returncode, second.returncode) == (0, 75)
    assert f"(process {going.pid}) writes to {path}" in second.stderr
    assert out == f"recording ended: {path}\n" and not Path(f"{path}-wal").exists()
    assert len(recorded(path)) >= 3
