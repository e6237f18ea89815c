"""The runner on the device, with a shell in the place of the tool."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from states import revision

from jetson_deploy.deployment.revisions import State
from jetson_deploy.fleet.job.event_file import EventFile
from jetson_deploy.fleet.job.folder import Before, Fetched, JobResult, Line, Wanted
from jetson_deploy.fleet.job.runner import deployed_before
from jetson_deploy.state.directory import StateDirectory
from jetson_deploy.state.state_file import encode_state

NOTE = '{"event":"note","level":"info","text":"%s"}'
FINISHED = '{"event":"finished","exit_code":%d,"result":"%s","message":"","hint":""}'
RUN = """import sys; from pathlib import Path; from jetson_deploy.fleet.job.runner import run_job
run_job(Path(sys.argv[1]), ["sh", "-c", sys.argv[2]], heartbeat=float(sys.argv[3]))"""


def prepared(folder: Path, **wanted: Any) -> Path:
    folder.mkdir(parents=True)
    (folder / "wanted.json").write_bytes(msgspec.json.encode(Wanted(**wanted)))
    return folder


def started(folder: Path, script: str, *, heartbeat: float = 60) -> subprocess.Popen[bytes]:
    variables = {**os.environ, "JETSON_DEPLOY_STATE_DIR": str(folder / "state")}
    return subprocess.Popen([sys.executable, "-c", RUN, str(folder), script, str(heartbeat)], env=variables)


def ran(folder: Path, script: str) -> JobResult:
    assert started(folder, script).wait(30) == 0
    return msgspec.json.decode((folder / "result.json").read_bytes(), type=JobResult)


def lines(folder: Path) -> list[Line]:
    found = [msgspec.json.decode(line, type=Line) for line in (folder / "events.ndjson").read_bytes().splitlines()]
    assert [line.n for line in found] == list(range(1, len(found) + 1))
    assert all(line.boot for line in found)
    return found


def events(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(bytes(line.event)) for line in lines(folder) if isinstance(line.event, msgspec.Raw)]


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_events_and_result_of_a_command_that_ends_well(tmp_path: Path) -> None:
    folder = prepared(tmp_path / "unit", settings={"model": "7b"}, environment={"JETSON_DEPLOY_X": "of the device"})
    script = f"echo '{NOTE % 'one'}'; echo 'no event'; printf '%s' \"$JETSON_DEPLOY_X\" >&2; "
    script += f"cat {folder}/request.yaml >&2; echo '{FINISHED % (0, 'done')}'"
    result = ran(folder, script)
    assert (result.exit_code, result.stopped, result.last) == (0, False, 3)
    assert result.finished == json.loads(FINISHED % (0, "done"))
    assert [event["event"] for event in events(folder)] == ["note", "finished"]
    assert lines(folder)[-1].result == result
    assert (folder / "request.yaml").read_text() == '{"model":"7b"}'
    for name in ("request.yaml", "result.json", "events.ndjson", "before.json"):
        assert (folder / name).stat().st_mode & 0o777 == 0o600, name
    assert msgspec.json.decode((folder / "before.json").read_bytes(), type=Before) == Before()


def test_a_unit_that_ended_is_not_run_again(tmp_path: Path) -> None:
    folder = prepared(tmp_path / "unit")
    first = ran(folder, "exit 3")
    assert ran(folder, f"touch {tmp_path}/again") == first
    assert not (tmp_path / "again").exists()


@pytest.mark.parametrize(("script", "code"), [("exit 3", 3), ("kill -9 $$", 137), ("kill -SEGV $$", 139)])
def test_a_command_that_says_nothing_at_its_end_has_a_result_too(tmp_path: Path, script: str, code: int) -> None:
    result = ran(prepared(tmp_path / "unit"), script)
    assert (result.exit_code, result.finished, result.stopped) == (code, None, False)


def test_a_request_to_stop_goes_on_to_the_command_which_ends_in_its_own_way(tmp_path: Path) -> None:
    folder = prepared(tmp_path / "unit")
    undo = f"echo '{FINISHED % (130, 'interrupted')}'; exit 130"
    script = (
        f'trap "{undo.replace(chr(34), chr(92) + chr(34))}" TERM; touch {tmp_path}/ready; while :; do sleep 0.05; done'
    )
    runner = started(folder, script)
    until((tmp_path / "ready").exists)
    runner.send_signal(signal.SIGTERM)
    runner.send_signal(signal.SIGTERM)
    assert runner.wait(30) == 0
    result = msgspec.json.decode((folder / "result.json").read_bytes(), type=JobResult)
    assert (result.exit_code, result.stopped) == (130, True)
    assert result.finished is not None and result.finished["result"] == "interrupted"


def test_a_heartbeat_comes_while_the_command_says_nothing(tmp_path: Path) -> None:
    folder = prepared(tmp_path / "unit")
    runner = started(folder, f"until [ -e {tmp_path}/enough ]; do sleep 0.02; done", heartbeat=0.02)
    until(lambda: (folder / "events.ndjson").exists() and (folder / "events.ndjson").read_bytes().count(b"\n") > 3)
    (tmp_path / "enough").touch()
    assert runner.wait(30) == 0
    beats = [line.heartbeat for line in lines(folder) if isinstance(line.heartbeat, float)]
    assert beats == sorted(beats) and len(beats) > 3


def test_none_comes_while_a_signal_has_stopped_the_command(tmp_path: Path) -> None:
    def beats() -> int:
        return sum(isinstance(line.heartbeat, float) for line in lines(folder))

    folder = prepared(tmp_path / "unit")
    script = f"echo $$ >{tmp_path}/pid.new; mv {tmp_path}/pid.new {tmp_path}/pid; while :; do sleep 0.01; done"
    runner = started(folder, script, heartbeat=0.02)
    until((tmp_path / "pid").exists)
    command = int((tmp_path / "pid").read_text())
    until(lambda: beats() > 1)
    os.kill(command, signal.SIGSTOP)
    until(lambda: Path(f"/proc/{command}/stat").read_text().rpartition(")")[2].split()[0] == "T")
    before = beats()
    time.sleep(0.3)
    assert beats() <= before + 1  # one may have been on its way
    os.kill(command, signal.SIGCONT)
    until(lambda: beats() > before + 1)
    os.kill(command, signal.SIGKILL)
    assert runner.wait(30) == 0


def test_a_runner_that_is_killed_leaves_no_result(tmp_path: Path) -> None:
    folder = prepared(tmp_path / "unit")
    runner = started(folder, f"touch {tmp_path}/ready; exec sleep 0.3")
    until((tmp_path / "ready").exists)
    runner.kill()
    runner.wait()
    assert not (folder / "result.json").exists()
    assert lines(folder)


def test_the_last_five_units_that_ended_are_kept_whole_and_of_older_ones_how_they_ended(tmp_path: Path) -> None:
    for number in range(8):
        old = prepared(tmp_path / f"jd-fleet-2026-{number}")
        (old / "events.ndjson").write_text("")
        if number != 2:
            (old / "before.json").write_text("{}")
            (old / "result.json").write_text("{}")
    ran(prepared(tmp_path / "jd-fleet-2026-9"), "true")
    held = {path.name[-1]: sorted(one.name for one in path.iterdir()) for path in tmp_path.iterdir()}
    assert [held.pop(number) for number in "013"] == [["before.json", "result.json"]] * 3
    assert sorted(held) == ["2", "4", "5", "6", "7", "9"]
    assert all({"events.ndjson", "wanted.json"} <= set(names) for names in held.values())


def test_of_hundreds_of_units_the_last_hundred_results_are_kept(tmp_path: Path) -> None:
    for number in range(105):
        old = prepared(tmp_path / f"jd-fleet-2026-{number:03}")
        (old / "result.json").write_text("{}")
    ran(prepared(tmp_path / "jd-fleet-2026-9"), "true")
    assert len(list(tmp_path.iterdir())) == 100


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def progress(done: int, total: int | None = 1000, phase: str = "fetching", item: str = "model") -> bytes:
    fields = {"event": "progress", "item": item, "done_bytes": done, "total_bytes": total, "phase": phase}
    return json.dumps(fields).encode()


def test_progress_is_thinned_out_but_for_the_last_and_its_rate_is_measured_from_all(tmp_path: Path) -> None:
    clock = Clock()
    file = EventFile(tmp_path / "events.ndjson", clock=clock)
    for done in range(0, 1001, 10):
        file.event(progress(done))
        clock.now += 0.1
    file.close()
    told = events(tmp_path)
    assert 15 < len(told) < 25
    assert told[-1]["done_bytes"] == 1000
    assert file.fetching.measured == Fetched(bytes=1000, seconds=10.0)


def test_what_was_there_before_and_what_is_hashed_is_no_rate(tmp_path: Path) -> None:
    clock = Clock()
    file = EventFile(tmp_path / "events.ndjson", clock=clock)
    file.event(progress(900))
    file.event(progress(1000, phase="verifying"))
    clock.now += 10
    file.event(progress(950))
    file.close()
    assert file.fetching.measured == Fetched(bytes=50, seconds=10.0)
    assert EventFile(tmp_path / "none").fetching.measured is None


def test_a_file_of_events_stays_bounded_and_still_has_its_heartbeats_and_its_end(tmp_path: Path) -> None:
    file = EventFile(tmp_path / "events.ndjson", most=1000)
    for _ in range(100):
        file.event((NOTE % "x" * 3).encode())
        file.event((NOTE % ("x" * 100)).encode())
    file.heartbeat()
    file.end(JobResult(exit_code=0))
    file.close()
    assert (tmp_path / "events.ndjson").stat().st_size < 1500
    assert events(tmp_path)[-1]["text"] == "too many events: the rest is left out"
    assert lines(tmp_path)[-1].result == JobResult(exit_code=0)


def test_a_line_that_is_too_long_is_left_out_and_a_finished_one_keeps_its_code(tmp_path: Path) -> None:
    folder = prepared(tmp_path / "unit")
    document = "x" * 300_000
    script = f"head -c 300000 /dev/zero | tr '\\0' x | sed 's/.*/{NOTE % '&'}/'; echo; "
    script += (
        'printf \'{"event":"finished","exit_code":0,"result":"done","document":{"x":"\'; '
        "head -c 300000 /dev/zero | tr '\\0' x; printf '\"}}\\n'"
    )
    result = ran(folder, script)
    assert result.finished == {"event": "finished", "exit_code": 0, "result": "done"}
    assert document not in (folder / "events.ndjson").read_text()


def test_a_full_disk_costs_events_and_leaves_no_half_line(tmp_path: Path) -> None:
    import resource

    file = EventFile(tmp_path / "events.ndjson")
    file.heartbeat()
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = (tmp_path / "events.ndjson").stat().st_size
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, limit[1]))
    try:
        file.event((NOTE % "lost").encode())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, before)
    file.event((NOTE % "there").encode())
    file.close()
    assert [event["text"] for event in events(tmp_path)] == ["there"]


def test_what_was_deployed_before_is_read_from_the_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JETSON_DEPLOY_STATE_DIR", str(tmp_path))
    assert deployed_before(Wanted(name="kitchen")) == Before()
    directory = StateDirectory(tmp_path, "kitchen")
    directory.prepare()
    wanted = revision(7)
    directory.save(State(deployment="kitchen", revisions=(wanted,), current=7))
    assert deployed_before(Wanted(name="kitchen")) == Before(revision=7, container=wanted.container)
    newer = encode_state(State(deployment="kitchen")).replace(b"jetson-deploy.state/2", b"jetson-deploy.state/9")
    (tmp_path / "kitchen" / "state.json").write_bytes(newer)
    assert "newer" in deployed_before(Wanted(name="kitchen")).problem
