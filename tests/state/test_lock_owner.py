"""Who holds a lock is named only when that is known; whatever the file holds, the lock is a lock."""

from __future__ import annotations

import fcntl
import json
import os
import time
from pathlib import Path

import pytest
from drawn import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jetson_deploy.errors import LockedError
from jetson_deploy.state.lock import deployment_lock, holder
from jetson_deploy.state.lock_owner import Holder, read_holder

NAME = "jetson-deploy-default.lock"


def told_while_held(tmp_path: Path, content: bytes) -> tuple[str, Holder | None, list[float]]:
    """Somebody holds it who did not write who he is. With what both answers would have slept."""
    (tmp_path / NAME).write_bytes(content)
    with (tmp_path / NAME).open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        slept: list[float] = []
        found = holder(tmp_path, "default", slept.append)
        with pytest.raises(LockedError) as caught, deployment_lock(tmp_path, "default", sleep=slept.append):
            pass
        return caught.value.message, found, slept


def identity(**changes: object) -> bytes:
    """Of this process."""
    start = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    return json.dumps({"pid": os.getpid(), "start": start, **changes}).encode()


def test_an_identity_is_believed_only_while_that_very_process_lives(tmp_path: Path) -> None:
    assert f"a run (pid {os.getpid()})" in told_while_held(tmp_path, identity())[0]
    for wrong in ({"start": 1}, {"pid": 1}, {"pid": 2**22 + 1}, {"pid": -1}, {"pid": 0, "start": 0}):
        assert "which one is not known" in told_while_held(tmp_path, identity(**wrong))[0]


def test_parts_that_are_not_known_or_make_no_sense_are_left_out(tmp_path: Path) -> None:
    later = identity(taken=time.clock_gettime(time.CLOCK_BOOTTIME) + 1000, user="alice", source=None, verb="up")
    assert told_while_held(tmp_path, later)[0].endswith(f": `up` by alice (pid {os.getpid()})")
    hostile = identity(user="\x1b[2Jroot", verb="x" * 5000, source="\n10.0.0.5")
    message = told_while_held(tmp_path, hostile)[0]
    assert message.isprintable() and len(message) < 200


@pytest.mark.fault("F24")
@given(content=st.binary(max_size=200) | st.text(max_size=50).map(str.encode) | st.just(b"[" * 5000))
@settings(max_examples=examples(300), suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_whatever_the_file_holds_nobody_is_named_who_is_not_known(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    with (tmp_path / "file").open("rb") as file:
        assert read_holder(file.fileno()) == Holder()


@pytest.mark.parametrize("content", [b"", b"1234\n", b"\xff\x00{", b"[" * 5000])
def test_a_file_that_tells_nothing_is_a_lock_all_the_same(tmp_path: Path, content: bytes) -> None:
    message, found, slept = told_while_held(tmp_path, content)
    assert (message, found) == ("deployment is locked by another run (which one is not known)", Holder())
    assert 0.2 < sum(slept) < 0.5  # one that was taken this moment may be about to say who has it
    with deployment_lock(tmp_path, "default"):
        assert json.loads((tmp_path / NAME).read_text())["pid"] == os.getpid()
