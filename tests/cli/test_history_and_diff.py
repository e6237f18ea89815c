"""`history` and `diff` of recorded states, without an engine."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from jetson_deploy.cli.main import main
from jetson_deploy.deploy.state_file import encode_state
from jetson_deploy.plan.revisions import State

STATES = Path(__file__).parents[1] / "data" / "states"
Ran = tuple[int, str, str]


@pytest.fixture
def run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Ran]]:
    monkeypatch.setenv("JETSON_DEPLOY_STATE_DIR", str(tmp_path))
    handlers = [(number, signal.getsignal(number)) for number in (signal.SIGTERM, signal.SIGHUP)]

    def call(*arguments: str, state: str | None = "three-revisions") -> Ran:
        if state is not None:
            body = msgspec.json.decode((STATES / f"{state}.json").read_bytes(), type=State)
            (tmp_path / "default").mkdir(exist_ok=True)
            (tmp_path / "default" / "state.json").write_bytes(encode_state(body))
        with pytest.raises(SystemExit) as left:
            main(list(arguments))
        shown = capsys.readouterr()
        return int(left.value.code or 0), shown.out, shown.err

    yield call
    for number, handler in handlers:
        signal.signal(number, handler)


def test_history_shows_every_revision_with_its_times_as_they_are(run: Callable[..., Ran]) -> None:
    code, out, _ = run("history")
    assert code == 0
    assert "3 (current)" in out
    assert "1 (previous)" in out
    assert "1970-01-01T00:00:07Z" in out
    assert "alice from 192.0.2.7" in out
    assert "served nothing" in out


def test_history_for_programs_has_all_of_it(run: Callable[..., Ran]) -> None:
    document = json.loads(run("history", "--json", "--lines", "0")[1])
    assert document["schema"] == "jetson-deploy.history/1"
    assert [r["number"] for r in document["revisions"]] == [1, 2, 3]
    assert len(document["lines"]) == 1


@pytest.mark.parametrize("named", [("previous",), ("1", "3"), ("1", "current")])
def test_diff_tells_field_by_field_what_changed(run: Callable[..., Ran], named: tuple[str, ...]) -> None:
    changes = json.loads(run("diff", *named, "--json")[1])["changes"]
    assert [(c["field"], c["before"], c["after"]) for c in changes] == [
        ("context_tokens", "4096", "8192"),
        ("host.power_mode", "15W", "MAXN"),
    ]


@pytest.mark.parametrize(("named", "said"), [("9", "on record: 1, 2, 3"), ("latest", "current")])
def test_diff_of_what_is_not_on_record_is_refused(run: Callable[..., Ran], named: str, said: str) -> None:
    code, _, err = run("diff", named)
    assert code == 2
    assert said in err


def test_without_a_record_history_says_so(run: Callable[..., Ran]) -> None:
    code, _, err = run("history", state=None)
    assert code == 1
    assert "nothing is on record" in err
