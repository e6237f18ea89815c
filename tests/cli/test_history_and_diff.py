"""`history` and `diff` of recorded states, without an engine."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from jetson_deploy.cli.main import main
from jetson_deploy.deployment.record import described
from jetson_deploy.deployment.revisions import Actor, Intent, Line, State
from jetson_deploy.state.state_file import encode_state

STATES = Path(__file__).parents[1] / "data" / "states"
INSPECTED = Path(__file__).parents[1] / "data" / "inspect" / "engine-20.10.24.json"
Ran = tuple[int, str, str]


@pytest.fixture
def run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Ran]]:
    monkeypatch.setenv("JETSON_DEPLOY_STATE_DIR", str(tmp_path))
    handlers = [(number, signal.getsignal(number)) for number in (signal.SIGTERM, signal.SIGHUP)]

    def call(
        *arguments: str, state: str | None = "three-revisions", changed: Callable[[State], State] = lambda state: state
    ) -> Ran:
        if state is not None:
            body = changed(msgspec.json.decode((STATES / f"{state}.json").read_bytes(), type=State))
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
    rows = {line.split()[0]: line.split()[1] for line in out.splitlines() if line[:1].isdigit()}
    assert rows == {"3": "current", "2": "failed", "1": "previous"}
    assert "1970-01-01 00:00:07Z" in out
    assert "alice from 192.0.2.7" in out
    assert "served nothing" in out


def test_no_line_of_history_is_wider_than_a_terminal(run: Callable[..., Ran]) -> None:
    def long(state: State) -> State:
        actor = Actor(user="administrator", source="2001:db8::1234", command="up")
        line = Line(
            at="2026-01-01T00:00:00+00:00", command="recover", result="needs-attention", text="word " * 60, by=actor
        )
        revisions = tuple(msgspec.structs.replace(r, image="registry.example:5000/" + r.image) for r in state.revisions)
        return msgspec.structs.replace(state, lines=(line,), revisions=revisions)

    out = run("history", changed=long)[1]
    assert max(map(len, out.splitlines())) <= 100
    assert out.count("word") == 60


def test_a_change_that_has_not_ended_is_said(run: Callable[..., Ran]) -> None:
    def begun(state: State) -> State:
        new = msgspec.structs.replace(state.revisions[-1], number=4)
        at = "2026-01-01T00:00:00+00:00"
        return msgspec.structs.replace(
            state, intent=Intent(id="1", command="up", revision=new, replaces=None, proven=False, boot_id=None, at=at)
        )

    assert "not ended: `up` of 2026-01-01 00:00:00Z, which deploys revision 4" in run("history", changed=begun)[1]


@pytest.mark.parametrize("arguments", [("history",), ("diff", "1", "3"), ("diff", "1", "1"), ("history", "--quiet")])
def test_what_is_simulated_stands_once_in_the_answer(
    run: Callable[..., Ran], arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JETSON_DEPLOY_REHEARSAL", "a board")
    _, out, err = run(*arguments)
    assert out.startswith("simulated: a board\n")
    assert (out + err).count("simulated: a board") == 1


def test_the_record_of_this_machine_is_not_shown_for_a_captured_root(run: Callable[..., Ran], tmp_path: Path) -> None:
    for verb in (("history",), ("diff", "1")):
        assert run(*verb, "--root", str(tmp_path))[0] == 2


def test_a_record_that_was_read_from_its_copy_is_said(run: Callable[..., Ran], tmp_path: Path) -> None:
    run("history")
    (tmp_path / "default" / "state.json").rename(tmp_path / "default" / "state.json.bak")
    code, out, err = run("history", state=None)
    assert code == 0
    assert "state.json.bak, the one before, is used" in err
    assert "current" in out


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


def test_diff_with_a_revision_that_has_lost_its_spec_compares_no_single_field_of_it(run: Callable[..., Ran]) -> None:
    def lost(state: State) -> State:
        labels = json.loads(INSPECTED.read_text())["container"]["Config"]["Labels"]
        first = msgspec.structs.replace(state.revisions[0], spec=described(labels)[0])
        return msgspec.structs.replace(state, revisions=(first, *state.revisions[1:]))

    changes = json.loads(run("diff", "1", "3", "--json", changed=lost)[1])["changes"]
    told = [(c["before"], c["after"]) for c in changes if c["field"].startswith("spec")]
    assert told == [("on record", "not on record")]


@pytest.mark.parametrize(("named", "said"), [("9", "on record: 1, 2, 3"), ("latest", "current")])
def test_diff_of_what_is_not_on_record_is_refused(run: Callable[..., Ran], named: str, said: str) -> None:
    code, _, err = run("diff", named)
    assert code == 2
    assert said in err


def test_without_a_record_history_says_so(run: Callable[..., Ran]) -> None:
    code, _, err = run("history", state=None)
    assert code == 1
    assert "nothing is on record" in err
