"""`fleet history`, `show`, `pause` and `abort`: read from records, no device is asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from fleet_work import Board, Controller, FakeWork, Killed, begun

from jetson_deploy.cli.main import main
from jetson_deploy.fleet.rollout.control import asked
from jetson_deploy.fleet.rollout.record import taken

FIRST, LAST = "20261128T080000Z-00aa", "20261129T090000Z-2c2c"
Typed = Callable[..., tuple[int, str, str]]


@pytest.fixture
def typed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Typed:
    monkeypatch.setenv("JETSON_DEPLOY_FLEET_DIR", str(tmp_path))

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main(["fleet", *arguments])
        shown = capsys.readouterr()
        assert isinstance(left.value.code, int)
        return left.value.code, shown.out, shown.err

    return run


@pytest.fixture
def rollouts(tmp_path: Path) -> Path:
    """One that was stopped by its canary, and one whose controller was killed."""
    boards = [Board("a1", "rolled-back"), Board("a2")]
    Controller(tmp_path / FIRST, FakeWork(boards)).up(begun(boards, named=FIRST))
    boards = [Board("a1"), Board("a2")]
    killed = Controller(tmp_path / LAST, FakeWork(boards))
    killed.killed_at = 7
    with pytest.raises(Killed):
        killed.up(begun(boards, named=LAST))
    return tmp_path


def test_history_lists_every_rollout_with_its_state(typed: Typed, rollouts: Path) -> None:
    code, out, _ = typed("history")
    assert code == 0
    head, first, last = out.splitlines()
    assert head.split()[:3] == ["NO", "ROLLOUT", "STATE"]
    assert first.split()[:3] == ["1", FIRST, "stopped"]
    assert first.endswith("1 rolled-back, 1 not-started")
    assert last.split()[:3] == ["2", LAST, "interrupted"]


def test_a_damaged_record_is_a_row_of_its_own(typed: Typed, rollouts: Path) -> None:
    (rollouts / "20261129T100000Z-3d3d").mkdir()
    (rollouts / "20261129T100000Z-3d3d" / "record.ndjson").write_bytes(b"{}\n")
    code, out, _ = typed("history", "--json")
    assert code == 0
    document = json.loads(out)
    assert document["schema"] == "jetson-deploy.fleet-history/1"
    assert [one["state"] for one in document["rollouts"]] == ["stopped", "interrupted", "damaged"]


def test_without_a_rollout_history_says_so(typed: Typed) -> None:
    assert typed("history") == (0, "no rollout was begun on this machine\n", "")


@pytest.mark.parametrize("named", [["1"], ["-2"], [FIRST], ["00aa"]])
def test_show_has_every_device_once_with_its_end_and_the_reason(typed: Typed, rollouts: Path, named: list[str]) -> None:
    code, out, _ = typed("show", *named)
    assert code == 0
    lines = out.splitlines()
    assert lines[0].startswith(f"rollout {FIRST}, stopped: began ")
    [failed] = [line for line in lines if line.startswith("a1 ")]
    assert failed.split()[1:3] == ["rolled-back", "1"]
    assert failed.endswith("it rolled-back")
    [other] = [line for line in lines if line.startswith("a2 ")]
    assert "not-started" in other
    assert "batch 1 (canary): 0 of 1 as wanted" in other


def test_show_of_an_interrupted_rollout_says_what_is_not_known(typed: Typed, rollouts: Path) -> None:
    code, out, _ = typed("show", "--json")
    assert code == 0
    document = json.loads(out)
    assert document["schema"] == "jetson-deploy.fleet-rollout/1"
    assert (document["id"], document["result"], document["working"]) == (LAST, None, False)
    assert [(one["device"], one["state"]) for one in document["devices"]] == [("a1", "proven"), ("a2", "not-started")]


def test_show_of_a_rollout_that_is_worked_on_says_working(typed: Typed, rollouts: Path) -> None:
    with taken(rollouts / LAST):
        code, out, _ = typed("show")
    assert code == 0
    assert out.startswith(f"rollout {LAST}, working: ")


@pytest.mark.parametrize("verb", ["show", "pause", "abort"])
def test_a_rollout_that_is_not_there_is_refused_with_the_way_to_find_one(
    typed: Typed, rollouts: Path, verb: str
) -> None:
    code, _, err = typed(verb, "17")
    assert code == 2
    assert "there is no rollout '17'" in err
    assert "jetson-deploy fleet history" in err


@pytest.mark.parametrize("verb", ["pause", "abort"])
def test_a_controller_that_works_is_asked_from_another_shell(typed: Typed, rollouts: Path, verb: str) -> None:
    with taken(rollouts / LAST):
        code, out, _ = typed(verb)
    assert code == 0
    assert LAST in out
    assert asked(rollouts / LAST) == verb


@pytest.mark.parametrize("verb", ["pause", "abort"])
def test_without_a_controller_there_is_none_to_ask(typed: Typed, rollouts: Path, verb: str) -> None:
    code, _, err = typed(verb)
    assert code == 2
    assert f"no controller works on rollout {LAST}" in err
    assert asked(rollouts / LAST) is None
