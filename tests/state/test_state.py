"""What is remembered beside a deployment's labels: written whole or not at all, bounded, and never needed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import msgspec
import pytest
from states import full_state, intent, line, revision

from jetson_deploy.deployment.revisions import KEPT_LINES, KEPT_REVISIONS, State
from jetson_deploy.errors import PreflightError, ResourceError
from jetson_deploy.events import Event, Note, Verdict
from jetson_deploy.state.directory import BACKUP, SET_ASIDE, STATE, Owned, OwnedModel, StateDirectory
from jetson_deploy.state.state_file import MOST_BYTES, MOST_TEXT


@pytest.fixture
def directory(tmp_path: Path) -> StateDirectory:
    return StateDirectory(tmp_path, "default")


def load(directory: StateDirectory) -> tuple[State | None, list[str]]:
    """With the texts of what was reported."""
    told: list[Event] = []
    state = directory.load(told.append)
    return state, [event.text for event in told if isinstance(event, Note)]


def test_what_is_saved_is_loaded_and_each_write_counts(directory: StateDirectory) -> None:
    saved = directory.save(full_state())
    assert saved == msgspec.structs.replace(full_state(), generation=1, numbered=3)
    assert load(directory) == (saved, [])
    changed = directory.change(lambda state: state.with_line(line("again")))
    assert (changed.generation, changed.lines[-1].text) == (2, "again")
    assert load(directory) == (changed, [])


def test_without_a_state_there_is_none_and_a_change_begins_with_an_empty_one(directory: StateDirectory) -> None:
    assert load(directory) == (None, [])
    assert not directory.exists
    assert directory.change(lambda state: state).deployment == "default"
    assert directory.exists
    other = StateDirectory(directory.path.parent, "other")
    assert other.change(lambda state: state, lambda: State(deployment="other", current=4)).current == 4


def test_people_can_read_the_file_and_other_users_too(directory: StateDirectory) -> None:
    before = os.umask(0o077)
    try:
        directory.save(full_state())
    finally:
        os.umask(before)
    assert (directory.path / STATE).stat().st_mode & 0o777 == 0o644
    document = json.loads((directory.path / STATE).read_text())
    assert (document["schema"], document["state"]["current"]) == ("jetson-deploy.state/2", 2)


def test_the_state_before_is_kept(directory: StateDirectory) -> None:
    first = directory.save(full_state())
    directory.save(first)
    (directory.path / STATE).unlink()
    state, told = load(directory)
    assert state == first
    assert "is gone: state.json.bak" in told[0]


def test_the_state_before_is_copied_where_the_filesystem_has_no_links(
    directory: StateDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    first = directory.save(full_state())
    directory.save(first)
    (directory.path / STATE).write_text("")
    assert load(directory)[0] == first


@pytest.mark.parametrize("content", ["", "{", "[]", '{"schema": "jetson-deploy.state/x"}', "\x00" * 100])
@pytest.mark.fault("F8")
def test_a_damaged_state_is_said_and_set_aside_by_the_next_write(directory: StateDirectory, content: str) -> None:
    directory.prepare()
    (directory.path / STATE).write_text(content)
    state, told = load(directory)
    assert state is None
    assert "is damaged" in told[0] and "containers" in told[0]
    saved = directory.save(full_state())
    assert load(directory) == (saved, [])
    assert (directory.path / SET_ASIDE).read_text() == content


def test_a_directory_in_its_place_is_told_and_stays(directory: StateDirectory) -> None:
    (directory.path / STATE).mkdir(parents=True)
    with pytest.raises(ResourceError) as caught:
        directory.save(full_state())
    assert str(directory.path / STATE) in caught.value.message
    assert [path.name for path in directory.path.iterdir()] == [STATE]


def test_a_damaged_state_does_not_push_out_a_good_one_before(directory: StateDirectory) -> None:
    first = directory.save(full_state())
    directory.save(first)
    (directory.path / STATE).write_text("{")
    directory.change(lambda state: state.with_line(line("next")))
    (directory.path / STATE).write_text("{")
    assert load(directory)[0] == first


def test_a_state_that_was_edited_by_hand_is_not_believed(directory: StateDirectory) -> None:
    directory.save(full_state())
    file = directory.path / STATE
    file.write_text(file.read_text().replace('"current": 2', '"current": 1'))
    state, told = load(directory)
    assert (state, "checksum does not match" in told[0]) == (None, True)


def test_the_state_of_another_deployment_is_not_believed(directory: StateDirectory) -> None:
    directory.save(full_state())
    other = StateDirectory(directory.path.parent, "other")
    other.prepare()
    (other.path / STATE).write_bytes((directory.path / STATE).read_bytes())
    state, told = load(other)
    assert (state, "of another deployment, 'default'" in told[0]) == (None, True)


def test_a_pipe_or_an_endless_file_in_its_place_is_as_a_damaged_one(directory: StateDirectory) -> None:
    directory.prepare()
    os.mkfifo(directory.path / STATE)
    assert load(directory)[0] is None
    (directory.path / STATE).unlink()
    with (directory.path / STATE).open("wb") as file:
        file.truncate(MOST_BYTES * 1000)
    assert load(directory)[0] is None


@pytest.mark.fault("F30")
def test_a_newer_state_is_read_only_and_named(directory: StateDirectory) -> None:
    directory.save(full_state())
    newer = (directory.path / STATE).read_text().replace("state/2", "state/3")
    (directory.path / STATE).write_text(newer)
    deeds = (
        directory.load,
        directory.prepare,
        directory.remove,
        lambda: directory.save(full_state()),
        lambda: directory.change(lambda state: state),
        lambda: directory.add_image("a:1"),
        lambda: directory.add_model("m", "/s"),
        lambda: directory.keep_evidence(1, "server", {"server.log": "x"}),
    )
    for deed in deeds:
        with pytest.raises(PreflightError) as caught:
            deed()
        assert (caught.value.code, caught.value.exit_code) == ("state-newer", 3)
        assert str(directory.path / STATE) in caught.value.message and "schema 3" in caught.value.message
    assert (directory.path / STATE).read_text() == newer
    assert [path.name for path in directory.path.iterdir()] == [STATE]


def test_an_older_record_is_not_damage_it_is_replaced_by_what_the_containers_say(directory: StateDirectory) -> None:
    directory.prepare()
    (directory.path / STATE).write_text('{"schema": "jetson-deploy.state/1", "container": "jd-default-1"}')
    state, told = load(directory)
    assert (state, "older jetson-deploy" in told[0], "damaged" in told[0]) == (None, True, False)
    saved = directory.save(full_state())
    assert load(directory) == (saved, [])


def test_the_state_is_bounded_whatever_is_put_in(directory: StateDirectory) -> None:
    long = "\x1b\udc80" * 2**16
    loud = Verdict(check="answers", passed=False, observed=long, expected=long, seconds=float("inf"))
    state = State(deployment="default", current=1, previous=2, attention=long, intent=intent(99))
    revisions = tuple(revision(n, reason=long, verdicts=(loud,) * 100, model=long) for n in range(1, 30))
    lines = tuple(line(long, n) for n in range(1000))
    saved = directory.save(msgspec.structs.replace(state, revisions=revisions, lines=lines))
    assert load(directory) == (saved, [])
    assert (directory.path / STATE).stat().st_size <= MOST_BYTES
    assert len(saved.revisions) == KEPT_REVISIONS and len(saved.lines) <= KEPT_LINES
    assert {1, 2, 29} <= {r.number for r in saved.revisions}
    assert saved.attention is not None and len(saved.attention) == MOST_TEXT


def test_no_number_is_given_twice_even_when_its_revision_is_not_on_record(directory: StateDirectory) -> None:
    directory.change(lambda state: state.with_line(line("interrupted", 7)))
    for _ in range(KEPT_LINES + 1):
        directory.change(lambda state: state.with_line(line("watched")))
    state = directory.load()
    assert state is not None and state.last_number == 7


def test_what_was_brought_is_remembered_once_and_in_order(directory: StateDirectory) -> None:
    for image in ("a:1", "b:2", "a:1"):
        directory.add_image(image)
    directory.add_model("deepseek-r1:7b", "/models")
    assert StateDirectory(directory.path.parent, "default").owned() == Owned(
        images=("a:1", "b:2"), models=(OwnedModel("deepseek-r1:7b", "/models"),)
    )


@pytest.mark.parametrize("content", ["", "{", "[]", '{"schema": "jetson-deploy.brought/9"}', "\x00" * 100])
def test_a_damaged_list_of_what_was_brought_is_as_one_that_is_not_there(
    directory: StateDirectory, content: str
) -> None:
    directory.prepare()
    (directory.path / "brought.json").write_text(content)
    assert directory.owned() == Owned()


def test_removing_leaves_what_is_not_ours(directory: StateDirectory) -> None:
    directory.save(directory.save(full_state()))
    directory.add_image("a:1")
    directory.keep_evidence(1, "server", {"server.log": "x"})
    (directory.path / f".{STATE}.{2**22 + 1}").write_text("of a run that died")
    mine = [directory.path / name for name in ("notes.txt", ".notes.2024", "evidence/mine.txt")]
    for path in mine:
        path.write_text("mine")
    directory.remove()
    assert sorted(path for path in directory.path.rglob("*") if path.is_file()) == sorted(mine)
    for path in mine:
        path.unlink()
    directory.remove()
    assert not directory.path.exists()


def test_a_state_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PreflightError) as caught:
        StateDirectory(tmp_path / "file", "default").prepare()
    assert caught.value.code == "state-not-writable"


def test_files_of_runs_that_died_go_with_the_next_write_those_of_living_ones_stay(directory: StateDirectory) -> None:
    directory.prepare()
    dead = directory.path / f".{BACKUP}.{2**22 + 1}"
    alive = directory.path / f".{STATE}.{os.getppid()}"
    for path in (dead, alive):
        path.write_text("half")
    directory.save(full_state())
    assert (dead.exists(), alive.exists()) == (False, True)
