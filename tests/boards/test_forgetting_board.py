"""A board whose power goes keeps what it flushed; with a disk that forgets, nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jetson_deploy.events import silent
from jetson_deploy.rehearsal.virtual.machine import Machine
from jetson_deploy.rehearsal.virtual.making import Choice, make

pytestmark = [pytest.mark.boards, pytest.mark.timeout(1800)]
SECONDS = 900.0


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = make(Choice(name="board", board="orin-nano-8gb", memory_mib=1024), silent, tmp_path / "board")
    yield made
    made.remove()


def test_a_file_that_was_flushed_is_there_after_the_cut_and_one_that_was_not_is_gone(machine: Machine) -> None:
    machine.start(forgets=True)
    print(f"ssh answers after {machine.wait(SECONDS):.0f} s", flush=True)
    done = machine.ssh("echo old >/root/kept; sync; printf new >/root/kept; echo >/root/lost; cat /root/kept")
    assert (done.returncode, done.stdout) == (0, "new"), done
    machine.cut()
    machine.start(forgets=True)
    print(f"ssh answers after {machine.wait(SECONDS):.0f} s", flush=True)
    found = machine.ssh("cat /root/kept; ls /root/lost; dmesg | grep -c 'EXT4-fs error'")
    assert (found.stdout.split()[-1:], "/root/lost" in found.stdout) == (["0"], False), found
    assert found.stdout.splitlines()[0] == "old"
