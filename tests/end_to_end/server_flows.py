"""From one server to the other and back: `up`, `status`, `rollback`, `recover`, `watch`."""

from __future__ import annotations

from pathlib import Path

from fake_board import DIGEST, OTHER_DIGEST, FakeBoard, Killed
from server import Behaviour

from jetson_deploy.deployment.record import Record
from jetson_deploy.errors import RolledBackError


def another_server_takes_over_and_is_the_only_one_that_is_asked(folder: Path) -> None:
    board = FakeBoard(folder)
    board.up()
    board.asked()
    done = board.up(server="llama.cpp")
    assert (done.result, done.container) == ("done", "jd-default-2")
    assert board.asked() == []
    assert any(question.startswith("generate") for question in board.other.asked)
    second = board.state.revision(2)
    assert second is not None and second.spec is not None
    assert Record.read(second.spec.labels).server == "llama.cpp"
    assert OTHER_DIGEST in second.image
    assert board.runtime.patience["jd-default-1"] == 30


def what_serves_stays_the_server_until_another_one_is_named(folder: Path) -> None:
    board = FakeBoard(folder)
    board.up(server="llama.cpp")
    assert board.up().result == "no-changes"
    assert board.status(drift=True).healthy
    assert not board.status(drift=True).drifted
    done = board.up(server="ollama")
    assert (done.result, done.container) == ("done", "jd-default-2")
    second = board.state.revision(2)
    assert second is not None and second.spec is not None and DIGEST in second.image
    assert "io.jetson-deploy.server" not in second.spec.labels
    assert board.runtime.patience["jd-default-1"] == 6


def a_rollback_goes_to_the_other_server_and_back(folder: Path) -> None:
    board = FakeBoard(folder)
    board.up()
    board.up(server="llama.cpp")
    served = []
    for _ in range(2):
        board.roll_back()
        current = board.state.revision(board.state.current or 0)
        assert current is not None and current.spec is not None
        served.append(Record.read(current.spec.labels).server)
        assert board.status().healthy
    assert served == ["ollama", "llama.cpp"]


def one_that_is_killed_before_its_proof_gives_way_to_the_other(folder: Path) -> None:
    board = FakeBoard(folder)
    board.up()
    board.cut_before = "prove"
    try:
        board.up(server="llama.cpp")
    except Killed:
        done = board.recover()
        assert (done.result, done.serves) == ("undone", "jd-default-1")
        assert board.status().healthy
        return
    raise AssertionError("nothing was killed")


def one_that_fails_its_proof_gives_way_to_the_other(folder: Path) -> None:
    board = FakeBoard(folder)
    board.up()
    board.servers["jd-default-2-candidate"] = Behaviour(layers=(0, 29), gpu_share=0.0, library="cpu")
    try:
        board.up(server="llama.cpp")
    except RolledBackError:
        assert board.containers["jd-default-1"] == ("running", "always")
        assert board.status().healthy
        return
    raise AssertionError("it was taken")


FLOWS = (
    another_server_takes_over_and_is_the_only_one_that_is_asked,
    what_serves_stays_the_server_until_another_one_is_named,
    a_rollback_goes_to_the_other_server_and_back,
    one_that_is_killed_before_its_proof_gives_way_to_the_other,
    one_that_fails_its_proof_gives_way_to_the_other,
)
