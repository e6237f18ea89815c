"""Docker's daemon.json is merged byte by byte, refused whole, and given back as it was."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
import quick_yaml
from bare_board import BareBoard, quiet
from hypothesis import given, settings
from hypothesis import strategies as st

from jetson_deploy.deployment.revisions import Actor
from jetson_deploy.prepare.book import Book
from jetson_deploy.prepare.host_step import Checked
from jetson_deploy.prepare.json_text import BadJson, meaning, member, with_member, without_member
from jetson_deploy.prepare.run import Preparer, chosen_entries
from jetson_deploy.prepare.steps.listed import STEPS

SHAPES = quick_yaml.loaded((Path(__file__).parent / "data" / "daemon_shapes.yaml").read_text(encoding="utf-8"))
RUNTIME, LOGS = STEPS["nvidia-runtime"], STEPS["docker-logs"]
OURS = '{"path": "nvidia-container-runtime", "runtimeArgs": []}'


@pytest.fixture
def board(tmp_path: Path) -> BareBoard:
    return BareBoard(tmp_path).make(captured=False)


def daemon(board: BareBoard) -> Path:
    return board.root / "etc/docker/daemon.json"


def put(board: BareBoard, content: bytes) -> Path:
    path = daemon(board)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def do(board: BareBoard) -> None:
    Preparer(machine=board.machine, book=Book(board.folder / "state"), by=Actor(user="ada"), report=quiet).do(
        [RUNTIME], board.look()
    )


def undo(board: BareBoard) -> None:
    book = Book(board.folder / "state")
    one = Preparer(machine=board.machine, book=book, by=Actor(user="ada"), report=quiet)
    one.undo(chosen_entries(book.load(), ()))


def checked(board: BareBoard) -> Checked:
    return RUNTIME.check(board.look())


def test_there_are_thirty_shapes() -> None:
    assert len(SHAPES) >= 30


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape["name"])
def test_each_shape_is_merged_and_given_back_or_refused_whole(shape: dict[str, Any], board: BareBoard) -> None:
    text = shape.get("text")
    if text is not None:
        put(board, text.encode())
    before, found = board.tree(), checked(board)
    if "refused" in shape:
        assert found.state == "refused" and found.refusal is not None
        assert shape["refused"] in found.refusal.message
        assert shape.get("fix", "mend it") in found.refusal.hint
        assert found.refusal.exit_code == 3
    elif "ready" in shape:
        board._kill([])  # the engine has read it
        assert checked(board).state == "ready"
    else:
        do(board)
        assert daemon(board).read_bytes().decode() == shape["becomes"]
        assert checked(board).state == "ready"
        undo(board)
    assert board.tree() == before


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("a pipe", "is no plain file"),
        ("a directory", "cannot be read: Is a directory"),
        ("a dangling link", "which is not there"),
        ("two names", "has 2 names"),
        ("latin", "is no UTF-8 text"),
        ("too long", "is no plain file of at most"),
        ("too deep", "nested too deeply"),
    ],
)
def test_what_is_no_file_of_its_own_is_refused(name: str, says: str, board: BareBoard) -> None:
    path = put(board, b"{}")
    if name == "two names":
        os.link(path, path.with_name("other.json"))
    elif name == "latin":
        path.write_bytes(b'{"label": "\xe9"}')
    elif name == "too long":
        path.write_bytes(b" " * (2**20 + 1))
    elif name == "too deep":
        path.write_bytes(b'{"a":' * 100_000 + b"1" + b"}" * 100_000)
    else:
        path.unlink()
        if name == "a pipe":
            os.mkfifo(path)
        elif name == "a directory":
            path.mkdir()
        else:
            path.symlink_to("/etc/none.json")
    found = checked(board)
    assert found.refusal is not None and says in found.refusal.message
    assert found.refusal.hint


def test_a_link_is_followed_and_stays_a_link(board: BareBoard) -> None:
    path = put(board, b"{}")
    path.unlink()
    (board.root / "srv").mkdir()
    (board.root / "srv/docker.json").write_text('{"debug": true}')
    path.symlink_to("/srv/docker.json")
    before = board.tree()
    do(board)
    assert path.is_symlink()
    assert json.loads((board.root / "srv/docker.json").read_text())["runtimes"]["nvidia"] == json.loads(OURS)
    undo(board)
    assert board.tree() == before


def test_mode_and_owner_stay(board: BareBoard) -> None:
    path = put(board, b"{}")
    path.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(path, 12, 34)
    was = path.stat()
    do(board)
    now = path.stat()
    assert (stat.S_IMODE(now.st_mode), now.st_uid, now.st_gid) == (0o640, was.st_uid, was.st_gid)


def test_what_another_program_adds_meanwhile_stays_when_it_is_taken_back(board: BareBoard) -> None:
    path = put(board, b'{"debug": true}')
    do(board)
    whole = json.loads(path.read_text())
    path.write_text(json.dumps({**whole, "bip": "10.9.0.1/24"}, indent=2))
    undo(board)
    assert json.loads(path.read_text()) == {"debug": True, "bip": "10.9.0.1/24"}


@pytest.mark.parametrize(("flag", "state"), [("", "to-do"), (" --add-runtime nvidia=/usr/bin/x", "ready")])
def test_a_runtime_that_docker_shows_and_nothing_names_is_gone_with_its_next_start(
    flag: str, state: str, board: BareBoard
) -> None:
    (board.folder / "runtimes").write_text("nvidia")
    unit = board.root / "lib/systemd/system/docker.service"
    unit.write_text(unit.read_text().replace("fd://", f"fd://{flag}"))
    assert checked(board).state == state


def test_a_flag_that_the_file_would_contradict_is_refused(board: BareBoard) -> None:
    unit = board.root / "lib/systemd/system/docker.service"
    unit.write_text("[Service]\nExecStart=/usr/bin/dockerd --log-opt max-size=1m\n")
    found = LOGS.check(board.look())
    assert found.refusal is not None and found.refusal.code == "docker-flags"
    assert checked(board).state == "to-do"


CTK = json.loads((Path(__file__).parent / "data" / "nvidia_ctk.json").read_text(encoding="utf-8"))["shapes"]
MERGED = [shape for shape in SHAPES if "becomes" in shape]


@pytest.mark.parametrize("shape", [one for one in MERGED if CTK.get(one["name"])], ids=lambda shape: shape["name"])
def test_nvidia_ctk_comes_to_the_same_runtime_and_to_no_key_more(shape: dict[str, Any]) -> None:
    ours, theirs = json.loads(shape["becomes"]), CTK[shape["name"]]
    assert ours["runtimes"]["nvidia"]["path"] == theirs["runtimes"]["nvidia"]["path"]
    assert ours.keys() == theirs.keys()
    assert ours["runtimes"].keys() == theirs["runtimes"].keys()


def test_what_nvidia_ctk_loses_or_refuses_is_kept() -> None:
    by_name = {shape["name"]: shape for shape in MERGED}
    name = "an nvidia runtime that names a program which is not there keeps its arguments"
    assert json.loads(by_name[name]["becomes"])["runtimes"]["nvidia"]["runtimeArgs"] == ["-x"]
    assert "runtimeArgs" not in CTK[name]["runtimes"]["nvidia"]
    refused = {name for name in by_name if name in CTK and CTK[name] is None}
    assert refused == {"an empty file", "blanks alone", "huge numbers keep their digits"}


KEYS = st.text(min_size=1, max_size=6) | st.sampled_from(["runtimes", "nvidia", "path", "features"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
SEPARATORS = st.sampled_from([(",", ":"), (", ", ": "), (" ,\t", " :  ")])


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(KEYS, VALUES, max_size=4), st.sampled_from([None, 1, "\t"]), SEPARATORS, st.booleans())
def test_a_merge_changes_its_own_key_alone_and_goes_out_without_a_trace(
    whole: dict[str, Any], indent: int | str | None, separators: tuple[str, str], ascii_only: bool
) -> None:
    text = json.dumps(whole, indent=indent, separators=separators, ensure_ascii=ascii_only)
    assert meaning(text) is not None
    runtimes = whole.get("runtimes")
    if runtimes is not None and not isinstance(runtimes, dict):
        with pytest.raises(BadJson):
            with_member(text, ("runtimes", "nvidia"), OURS)
        return
    merged = with_member(text, ("runtimes", "nvidia"), OURS)
    wanted = {**whole, "runtimes": {**(runtimes or {}), "nvidia": json.loads(OURS)}}
    assert json.dumps(json.loads(merged)) == json.dumps(wanted)  # in this very order
    assert member(merged, ("runtimes", "nvidia")) == OURS
    if "nvidia" not in (runtimes or {}) and runtimes != {} and ("runtimes" not in whole or runtimes) and whole:
        assert without_member(merged, ("runtimes", "nvidia")) == text


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60) | st.text(alphabet='{}[]",: \n\\u0tfn1-e.', max_size=40))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    try:
        meaning(text)
    except BadJson as error:
        assert str(error)
        return
    assert json.loads(with_member(text, ("a", "b"), "1") if '"a"' not in text else "1") is not None
