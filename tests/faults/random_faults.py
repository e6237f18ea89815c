"""F2: what may happen to a run at any moment, chosen by a seed, and how the cause is repaired afterwards."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fault_bed import A, B, Bed
from final_state import containers
from wall_clock import YEARS, WallClock

DISK_BYTES = 8 << 30
"""Room for the model that the stand-in stands for; memory is taken only for what is written."""
Repair = Callable[[], None]


def nothing() -> None:
    """What needs no repair."""


class Mischief:
    """One board under attack. Each method does one thing to the run `process`, and returns how to repair it."""

    def __init__(self, bed: Bed, dice: random.Random) -> None:
        self.bed, self._dice = bed, dice
        self.clock = WallClock(bed.session.directory)

    def kill(self, process: subprocess.Popen[str]) -> Repair:
        return self._signalled(process, signal.SIGKILL)

    def terminate(self, process: subprocess.Popen[str]) -> Repair:
        return self._signalled(process, signal.SIGTERM)

    def interrupt(self, process: subprocess.Popen[str]) -> Repair:
        return self._signalled(process, signal.SIGINT)

    def interrupt_again_and_again(self, process: subprocess.Popen[str]) -> Repair:
        for _ in range(self._dice.randint(2, 5)):
            self._signalled(process, signal.SIGINT)
            time.sleep(self._dice.random() / 5)
        return nothing

    def engine_kill(self, process: subprocess.Popen[str]) -> Repair:
        os.kill(self.bed.engine_pid(), signal.SIGKILL)
        return self.bed.session.start_engine

    def engine_restart(self, process: subprocess.Popen[str]) -> Repair:
        os.kill(self.bed.engine_pid(), signal.SIGKILL)
        self.bed.session.start_engine()
        return nothing

    def engine_freeze(self, process: subprocess.Popen[str]) -> Repair:
        os.kill(self.bed.engine_pid(), signal.SIGSTOP)
        time.sleep(self._dice.uniform(0.2, 3))
        os.kill(self.bed.engine_pid(), signal.SIGCONT)
        return nothing

    def power_cut(self, process: subprocess.Popen[str]) -> Repair:
        process.kill()
        self.bed.session.cut_power()
        return self.bed.session.start_engine

    def registry_loss(self, process: subprocess.Popen[str]) -> Repair:
        self.bed.session.stop_registry()
        return self.bed.session.start_registry

    def full_disk_of_the_state(self, process: subprocess.Popen[str]) -> Repair:
        return filled(self.bed.state_root, self._dice.choice((0, 4096)))

    def full_disk_of_the_store(self, process: subprocess.Popen[str]) -> Repair:
        return filled(self.bed.session.store, self._dice.choice((0, 1 << 20, 20 << 20)))

    def clock_jump(self, process: subprocess.Popen[str]) -> Repair:
        self.clock.set_to(self._dice.choice(YEARS))
        return nothing

    def _signalled(self, process: subprocess.Popen[str], number: signal.Signals) -> Repair:
        process.send_signal(number)
        return nothing


WAYS = tuple(name for name in vars(Mischief) if not name.startswith("_"))


def filled(directory: Path, room: int = 0) -> Repair:
    """Nothing but `room` bytes is free there until the repair: the disk shrinks to what is used."""
    for _ in range(50):
        usage = os.statvfs(directory)
        used = (usage.f_blocks - usage.f_bfree) * usage.f_frsize
        # Refused when something was written since it was measured.
        if _sized(directory, max(used + room, usage.f_frsize)):
            return lambda: _must_be_sized(directory, DISK_BYTES)
    raise AssertionError(f"{directory} could not be filled")


def _must_be_sized(directory: Path, size: int) -> None:
    assert _sized(directory, size), f"{directory} could not be given its room back"


def _sized(directory: Path, size: int) -> bool:
    argv = ["mount", "-o", f"remount,size={size}", str(directory)]
    return subprocess.run(argv, check=False, capture_output=True).returncode == 0


@contextmanager
def small_disks(bed: Bed) -> Iterator[None]:
    """State and store on disks of their own, that can be filled."""
    bed.state_root.mkdir(exist_ok=True)
    disks = (bed.state_root, bed.session.store)
    for path in disks:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(path)], check=True)
    try:
        yield
    finally:
        bed.end_runs()
        bed.must("down", "--purge")
        for path in disks:
            subprocess.run(["umount", "-l", str(path)], check=True)


def verb_words(bed: Bed, dice: random.Random) -> tuple[str, ...]:
    """`up` with something to change, `rollback`, or `recover` of a run that died."""
    running = next(c for c in containers(bed) if c.running)
    wanted = A if running.context == B else B
    kind = dice.choice(("up", "up", "rollback", "recover"))
    if kind == "up":
        return bed.up_words("--context", wanted)
    if kind == "rollback":
        return ("rollback",)
    bed.ran(*bed.up_words("--context", wanted), JETSON_DEPLOY_CRASH_AT=f"up:{dice.randint(2, 9)}:after")
    return ("recover",)
