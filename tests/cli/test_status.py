"""`status` through the command line, of a stopped server on a recorded engine: what is said, and the exit code."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from engine_socket import RecordedEngine, engine_socket
from states import intent, line, revision

from jetson_deploy.cli.main import main
from jetson_deploy.deployment.record import LABEL
from jetson_deploy.deployment.revisions import State
from jetson_deploy.state.directory import StateDirectory
from jetson_deploy.state.lock import deployment_lock

Ran = tuple[int, str, str]
Run = Callable[..., Ran]


@pytest.fixture
def engine() -> RecordedEngine:
    """Its container has exited."""
    engine = RecordedEngine()
    assert engine.container is not None
    engine.container["State"] = {"Status": "exited", "ExitCode": 1}
    return engine


@pytest.fixture
def record(tmp_path: Path) -> StateDirectory:
    directory = StateDirectory(tmp_path / "state", "default")
    directory.prepare()
    known = State(deployment="default", current=2).with_revision(revision(2)).with_line(line("serves", 2))
    directory.save(directory.save(known))
    return directory


@pytest.fixture
def run(
    engine: RecordedEngine, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Run]:
    monkeypatch.setenv("JETSON_DEPLOY_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("JETSON_DEPLOY_LOCK_DIR", str(tmp_path / "lock"))
    handlers = [(number, signal.getsignal(number)) for number in (signal.SIGTERM, signal.SIGHUP)]

    def call(*arguments: str) -> Ran:
        with pytest.raises(SystemExit) as left:
            main(["status", *arguments])
        shown = capsys.readouterr()
        return int(left.value.code or 0), shown.out, shown.err

    with engine_socket(engine) as path:
        monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
        yield call
    for number, handler in handlers:
        signal.signal(number, handler)


def rows(out: str) -> dict[str, str]:
    """The first of each kind."""
    found: dict[str, str] = {}
    for text in out.splitlines():
        key, _, value = text.partition("  ")
        found.setdefault(key, value.strip())
    return found


def damage(record: StateDirectory) -> None:
    (record.path / "state.json").write_bytes(b'{"schema": "jetson')


def write_newer(record: StateDirectory) -> None:
    path = record.path / "state.json"
    document = json.loads(path.read_bytes())
    family, _, _ = document["schema"].rpartition("/")
    path.write_text(json.dumps({**document, "schema": f"{family}/99"}))


def make_unreadable(record: StateDirectory) -> None:
    (record.path / "state.json").unlink()
    (record.path / "state.json").mkdir()


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        (damage, "state.json.bak, the one before, is used"),
        (write_newer, "a newer jetson-deploy wrote it"),
        (make_unreadable, "state.json"),
    ],
)
def test_a_record_that_cannot_be_used_is_said_beside_what_serves(
    run: Run, record: StateDirectory, trouble: Callable[[StateDirectory], None], said: str
) -> None:
    trouble(record)
    code, out, _ = run()
    assert code == 1
    assert "revision 2: UNHEALTHY" in rows(out)["deployment"]
    assert said in rows(out)["record"]


def test_what_somebody_has_to_do_stands_above_what_is_only_to_be_known(run: Run, record: StateDirectory) -> None:
    record.change(lambda state: msgspec.structs.replace(state, attention="both failed"))
    _, out, _ = run()
    keys = list(rows(out))
    assert rows(out)["attention"] == "both failed"
    assert max(map(keys.index, ("check", "attention"))) < keys.index("model")


def test_a_run_that_is_under_way_is_named(run: Run, record: StateDirectory, tmp_path: Path) -> None:
    record.change(lambda state: msgspec.structs.replace(state, intent=intent(3)))
    with deployment_lock(tmp_path / "lock", "default", command="rollback"):
        code, out, err = run()
    assert code == 1
    assert rows(out)["unfinished"].startswith("a run is under way: `rollback` by")
    assert "a change is under way" in err


def test_fields_that_could_not_be_compared_are_no_fields_without_drift(
    run: Run, record: StateDirectory, engine: RecordedEngine
) -> None:
    assert engine.container is not None
    del engine.container["Config"]["Labels"][LABEL + "spec"]
    _, out, _ = run("--drift")
    assert any("the container's fields" in text for text in out.splitlines() if text.startswith("not compared"))
    document: dict[str, Any] = json.loads(run("--drift", "--json")[1])
    assert any("no label" in gap for gap in document["not_compared"])


def test_an_image_that_is_gone_is_told(run: Run, record: StateDirectory, engine: RecordedEngine) -> None:
    engine.image = None
    document = json.loads(run("--drift", "--json")[1])
    assert ("image", "gone") in [(one["what"], one["found"]) for one in document["drift"]]


def test_nothing_is_asked_of_the_engine_that_changes_it(
    run: Run, record: StateDirectory, engine: RecordedEngine
) -> None:
    """The socket answers GET alone: anything else is an error page, and would be told as trouble."""
    code, _, err = run("--deep")
    assert (code, err) == (1, "")
    assert any(path.startswith("/containers/") for path in engine.asked)


def test_a_deployment_whose_container_is_gone_is_told_with_the_way_back(
    run: Run, record: StateDirectory, engine: RecordedEngine
) -> None:
    engine.container = None
    code, _, err = run()
    assert code == 1
    assert "jd-default-2 of revision 2 is gone" in err
    assert "jetson-deploy rollback 2 --force" in err


def test_without_any_record_up_is_the_way(run: Run, engine: RecordedEngine) -> None:
    engine.container = None
    code, _, err = run()
    assert code == 1
    assert "jetson-deploy up deploys it" in err


def test_the_check_that_failed_and_the_drift_are_findings(
    run: Run, record: StateDirectory, engine: RecordedEngine
) -> None:
    engine.image = None
    document = json.loads(run("--drift", "--json")[1])
    check, *drift = document["findings"]
    failed = next(one for one in document["verdicts"] if one["passed"] is False)
    assert (check["id"], check["severity"], check["exit_code"]) == ("check-container-failed", "block", 1)
    assert failed["observed"] in check["evidence"]
    assert drift and [one["id"] for one in drift] == [one["id"] for one in document["drift"]]
    assert {one["severity"] for one in drift} <= {"warning", "note"}


def test_without_drift_the_only_finding_is_the_check_that_failed(run: Run, record: StateDirectory) -> None:
    document = json.loads(run("--json")[1])
    assert [one["id"] for one in document["findings"]] == ["check-container-failed"]


def test_what_threatens_it_is_among_the_findings_and_under_its_own_keys(
    run: Run, record: StateDirectory, engine: RecordedEngine
) -> None:
    assert engine.container is not None
    engine.container["HostConfig"]["RestartPolicy"] = {"Name": "no"}
    record.change(
        lambda state: msgspec.structs.replace(state, attention="both failed", current=3).with_revision(revision(3))
    )
    document = json.loads(run("--json")[1])
    found = {one["id"]: one for one in document["findings"]}
    assert list(found)[1:] == ["needs-attention", "restart-policy-not-always", "revision-gone"]
    assert document["attention"] == found["needs-attention"]["evidence"] == "both failed"
    gone = found["revision-gone"]
    assert document["notes"] == [f"{gone['evidence']}; {gone['fix']}"]
    out = run()[1]
    for one in ("needs-attention", "restart-policy-not-always"):
        assert found[one]["evidence"] in out and found[one]["fix"] in out


def test_a_record_that_cannot_be_used_is_a_finding(run: Run, record: StateDirectory) -> None:
    damage(record)
    found = {one["id"] for one in json.loads(run("--json")[1])["findings"]}
    assert "record-odd" in found
