"""The state file cut at every byte, its write killed and failed at every system call, and any bytes in its place."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from counted_work import counted
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from states import full_state, line
from syscall_faults import SCENARIOS, Hit

from jetson_deploy.errors import JetsonDeployError, PreflightError
from jetson_deploy.events import Event
from jetson_deploy.state.directory import BACKUP, STATE, StateDirectory
from jetson_deploy.state.records import all_records, wanted_manifests
from jetson_deploy.state.state_file import bounded, decode_state, encode_state

DRIVER = Path(__file__).with_name("syscall_faults.py")
BEFORE = {"first": "none", "evidence": "none"}
"""What is there before the deed; else `old`."""


def hits(scenario: str, kind: str, directory: Path) -> list[Hit]:
    command = [sys.executable, str(DRIVER), scenario, kind, str(directory)]
    done = subprocess.run(command, capture_output=True, check=False)
    if b"is written for x86-64" in done.stderr:
        pytest.skip(done.stderr.decode())
    assert done.returncode == 0, done.stderr.decode()
    return msgspec.json.decode(done.stdout, type=list[Hit])


@pytest.mark.fault("F8")
@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.integration
def test_a_write_that_is_killed_at_any_system_call_leaves_the_old_or_the_new(scenario: str, tmp_path: Path) -> None:
    found = hits(scenario, "kill", tmp_path)
    assert {"write", "fsync", "rename", "openat"} <= {hit.call for hit in found} and len(found) > 20
    before = BEFORE.get(scenario, "old")
    assert {hit.found for hit in found} == {before, "new"}
    order = [hit.found for hit in found]
    assert order == sorted(order, key=lambda one: one == "new"), "new, then old again"
    # Only where the state was damaged before anything began is the one before used, and it is said.
    assert {bool(hit.notes) for hit in found if hit.found == "old"} <= {scenario == "damaged"}
    assert {(hit.ended, hit.again, tuple(hit.left)) for hit in found} == {("killed", "new", ())}


@pytest.mark.fault("F8")
@pytest.mark.parametrize("kind", ["ENOSPC", "EIO"])
@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.integration
def test_a_write_of_which_any_system_call_fails_is_refused_or_done(scenario: str, kind: str, tmp_path: Path) -> None:
    found = hits(scenario, kind, tmp_path)
    assert {"write", "fsync", "rename", "openat"} <= {hit.call for hit in found}
    before = BEFORE.get(scenario, "old")
    # Refused and new: the directory's fsync failed after the rename.
    assert {(hit.ended, hit.found) for hit in found} == {("refused", before), ("refused", "new"), ("done", "new")}
    assert {hit.ended for hit in found if hit.call in ("write", "rename")} == {"refused"}
    # Of the file, of its directory and of the state directory; those above are of others, and need not be ours to sync.
    assert [hit.ended for hit in found if hit.call == "fsync"][:3] == ["refused"] * 3
    assert {(hit.again, tuple(hit.left)) for hit in found} == {("new", ())}


@pytest.mark.fault("F8")
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_write_that_takes_only_half_is_gone_on_with(scenario: str, tmp_path: Path) -> None:
    found = hits(scenario, "short", tmp_path)
    assert found and {(hit.call, hit.ended, hit.found) for hit in found} == {("write", "done", "new")}


@pytest.mark.fault("F8")
def test_a_state_that_is_cut_at_any_byte_is_the_one_before_or_said_to_be_damaged(tmp_path: Path) -> None:
    directory = StateDirectory(tmp_path, "default")
    first = directory.save(full_state())
    second = directory.save(first.with_line(line("second")))
    content = (directory.path / STATE).read_bytes()
    whole = len(content) - 1  # without the newline at its end
    for size in (*range(0, whole, 17), whole - 1):
        (directory.path / STATE).write_bytes(content[:size])
        told: list[Event] = []
        assert directory.load(told.append) == first
        assert len(told) == 1
    for size in range(whole):
        found = decode_state(content[:size], Path("state.json"), "default")
        assert (found.state, "damaged" in (found.problem or "")) == (None, True)
    assert decode_state(content[:whole], Path("state.json"), "default").state == second


@pytest.mark.fault("F8")
def test_one_flipped_bit_anywhere_never_gives_another_state(tmp_path: Path) -> None:
    state = bounded(full_state())
    content = encode_state(state)
    for place in range(len(content)):
        for bit in (0x01, 0x20, 0x80):
            changed = bytearray(content)
            changed[place] ^= bit
            try:
                found = decode_state(bytes(changed), Path("state.json"), "default")
            except PreflightError as error:
                assert error.code == "state-newer"  # the digit of the schema
            else:
                assert found.state in (None, state)


ANYTHING = st.binary(max_size=300) | st.text(max_size=100).map(str.encode)
SHAPES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)
LIKE_OURS = st.fixed_dictionaries(
    {
        "schema": st.sampled_from(["jetson-deploy.state/1", "jetson-deploy.state/2", "jetson-deploy.state/3"]) | SHAPES,
        "checksum": SHAPES,
        "state": st.fixed_dictionaries({"deployment": st.just("default") | SHAPES, "lines": SHAPES, "intent": SHAPES}),
    }
).map(msgspec.json.encode)
DEEP = st.sampled_from([b"[" * 100_000, b'{"state":' * 50_000, b'{"schema":1e999}', b"9" * 100_000])


@pytest.mark.fault("F24")
@given(first=ANYTHING | LIKE_OURS | DEEP, second=ANYTHING | LIKE_OURS | DEEP)
@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_whatever_lies_there_nothing_but_our_errors_comes_out(first: bytes, second: bytes, tmp_path: Path) -> None:
    directory = StateDirectory(tmp_path, "default")
    directory.prepare()
    try:
        (directory.path / STATE).write_bytes(first)
        (directory.path / BACKUP).write_bytes(second)
        (directory.path / "brought.json").write_bytes(first)
        with counted() as work:
            directory.owned()
            for deed in (directory.load, lambda: all_records(tmp_path), lambda: wanted_manifests(tmp_path)):
                try:
                    deed()
                except JetsonDeployError as error:
                    assert error.code in ("state-newer", "state-not-readable")
            try:
                saved = directory.change(lambda state: state)
                assert directory.load() == saved
            except JetsonDeployError as error:
                assert error.code == "state-newer"
        assert work.calls < 50_000  # the first example imports what is needed
    finally:
        for name in (STATE, BACKUP):
            (directory.path / name).unlink(missing_ok=True)
