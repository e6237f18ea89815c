"""The two files beside a deployment's labels: written whole or not at all, and never needed."""

from __future__ import annotations

from pathlib import Path

import pytest

from jetson_deploy.deploy.state import KEPT_EVIDENCE, Brought, BroughtModel, StateDirectory
from jetson_deploy.errors import PreflightError, ResourceError


def test_what_was_brought_is_remembered_once_and_in_order(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path, "default")
    for image in ("a:1", "b:2", "a:1"):
        state.add_image(image)
    state.add_model("deepseek-r1:7b", "/models")
    assert StateDirectory(tmp_path, "default").brought() == Brought(
        images=("a:1", "b:2"), models=(BroughtModel("deepseek-r1:7b", "/models"),)
    )


@pytest.mark.parametrize("content", ["", "{", "[]", '{"schema": "jetson-deploy.brought/9"}', "\x00" * 100])
def test_a_damaged_file_is_as_one_that_is_not_there(tmp_path: Path, content: str) -> None:
    state = StateDirectory(tmp_path, "default")
    state.prepare()
    for name in ("state.json", "brought.json"):
        (state.path / name).write_text(content)
    assert state.read() is None
    assert state.brought() == Brought()


def test_only_the_newest_logs_of_failures_are_kept(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path, "default")
    for revision in range(1, KEPT_EVIDENCE + 3):
        state.keep_evidence(revision, f"log {revision}")
    kept = sorted(path.name for path in state.path.iterdir())
    assert kept == [f"failed-{n:04d}.log" for n in range(3, KEPT_EVIDENCE + 3)]


def test_what_cannot_be_written_is_told_and_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path, "default")
    state.add_image("a:1")
    (state.path / "failed-0001.log").mkdir()
    with pytest.raises(ResourceError) as caught:
        state.keep_evidence(1, "log")
    assert caught.value.exit_code == 6
    assert sorted(path.name for path in state.path.iterdir()) == ["brought.json", "failed-0001.log"]
    assert state.brought().images == ("a:1",)


def test_removing_leaves_what_is_not_ours(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path, "default")
    state.add_image("a:1")
    (state.path / "notes.txt").write_text("mine")
    state.remove()
    assert [path.name for path in state.path.iterdir()] == ["notes.txt"]


def test_a_state_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PreflightError) as caught:
        StateDirectory(tmp_path / "file", "default").prepare()
    assert caught.value.code == "state-not-writable"
