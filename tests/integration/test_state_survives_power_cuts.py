"""The power goes in the middle of a write of the state file: after the boot the old or the new one is there, whole.

The disk is `power_cut_fs`: what was not fsynced is lost, or half of it, by seed. It has no hard links, so what is
tried is the way with copies; the one with links is killed at every system call in tests/state/test_state_faults.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from power_cut_fs import Order, PowerCutDisk, power_cut_disk
from volatile_disk import KEEPS_NOTHING

from jetson_deploy.events import Event
from jetson_deploy.state.directory import StateDirectory

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]
SEEDS = (KEEPS_NOTHING, 1, 2, 3)
WRITE = """
import sys, pathlib
from jetson_deploy.state.directory import StateDirectory
from jetson_deploy.deployment.revisions import Line
for text in sys.argv[2:]:
    line = Line(at="", command="up", result="done", text=text)
    StateDirectory(pathlib.Path(sys.argv[1]), "default").change(lambda state: state.with_line(line))
"""


def write(root: Path, *texts: str) -> int:
    return subprocess.run([sys.executable, "-c", WRITE, str(root), *texts], check=False).returncode


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PowerCutDisk]:
    with power_cut_disk(tmp_path_factory.mktemp("power") / "disk") as disk:
        yield disk


@pytest.mark.fault("F8")
@pytest.mark.parametrize("before", [(), ("old",), ("older", "old")], ids=["first", "second", "third"])
def test_after_a_power_cut_at_any_change_the_old_or_the_new_state_is_there(
    disk: PowerCutDisk, before: tuple[str, ...]
) -> None:
    root = disk.point / "state"
    expected = before[-1] if before else None
    ended, changes, found = -9, 0, set[str | None]()
    while ended != 0:
        for seed in SEEDS:
            disk.order(Order(fresh=True))
            if before:
                assert write(root, *before) == 0
            disk.order(Order(cut_after=changes))
            ended = write(root, "new")
            told = disk.state().operations
            disk.order(Order(power_lost=seed))
            notes: list[Event] = []
            state = StateDirectory(root, "default").load(notes.append)
            text = state.lines[-1].text if state is not None else None
            assert text in (expected, "new") and not notes, f"cut after {changes} changes, seed {seed}: {told[-8:]}"
            assert ended != 0 or text == "new", "it was said to be done, and is lost"
            found.add(text)
        changes += 1
    assert found == {expected, "new"} and changes > 8
