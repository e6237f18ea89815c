"""`rollback`, `recover` after a run that was killed between two steps, and `status`."""

from __future__ import annotations

from pathlib import Path

from fake_board import FakeBoard, Killed

from jetson_deploy.errors import PreflightError, UsageError


def a_rollback_deploys_the_revision_before_under_a_new_number(folder: Path) -> None:
    board = two_revisions(folder)
    done = board.roll_back()
    acts = board.acts()
    assert acts == [
        "create jd-default-3-candidate",
        "stop jd-default-2",
        "start jd-default-3-candidate",
        "set-restart jd-default-3-candidate always",
        "set-restart jd-default-2 no",
        "rename jd-default-3-candidate jd-default-3",
        "stop jd-default-1",
        "remove jd-default-1",
    ]
    assert (done.result, done.container, done.context_tokens) == ("done", "jd-default-3", 4096)
    assert board.containers == {"jd-default-2": ("exited", "no"), "jd-default-3": ("running", "always")}
    assert (board.state.current, board.state.previous) == (3, 2)
    old, new = board.state.revision(1), board.state.revision(3)
    assert old is not None and new is not None and old.spec_hash == new.spec_hash
    assert board.status().healthy


def a_board_with_one_revision_has_nothing_to_roll_back_to(folder: Path) -> None:
    board = FakeBoard(folder)
    board.up()
    board.acts()
    try:
        board.roll_back()
    except UsageError as error:
        assert (error.code, board.acts()) == ("no-such-revision", [])
        return
    raise AssertionError("it rolled back")


def a_rollback_after_down_brings_back_what_was_taken_down(folder: Path) -> None:
    board = two_revisions(folder)
    assert board.down().containers == ("jd-default-1", "jd-default-2")
    done = board.roll_back()
    assert (done.result, done.container, done.context_tokens) == ("done", "jd-default-3", 2048)
    second, third = board.state.revision(2), board.state.revision(3)
    assert second is not None and third is not None and second.spec_hash == third.spec_hash
    assert (board.state.current, board.state.previous) == (3, None)
    assert board.status().healthy


def after_down_and_an_up_rollback_goes_to_what_the_up_replaced(folder: Path) -> None:
    board = two_revisions(folder)
    board.down()
    board.up(context=3072)
    try:
        board.roll_back()
    except UsageError as error:
        assert error.code == "no-such-revision"
        return
    raise AssertionError("it rolled back to what was taken down before")


def what_was_killed_before_its_proof_is_undone_and_the_old_one_serves(folder: Path) -> None:
    board = two_revisions(folder)
    killed(board, "prove")
    assert board.containers["jd-default-2"] == ("exited", "always")
    assert board.containers["jd-default-3-candidate"] == ("running", "no")
    done = board.recover()
    acts = board.acts()
    assert acts == ["remove jd-default-3-candidate", "start jd-default-2"]
    assert (done.result, done.revision, done.serves) == ("undone", 3, "jd-default-2")
    assert board.containers == {"jd-default-1": ("exited", "no"), "jd-default-2": ("running", "always")}
    assert board.state.intent is None
    assert board.status().healthy


def what_was_killed_is_left_as_it_is_until_its_disk_is_mounted(folder: Path) -> None:
    board = two_revisions(folder)
    killed(board, "prove")
    (fstab := folder / "fstab").write_text(f"/dev/nvme0n1p1 {board.store} ext4 nofail 0 2\n")
    try:
        board.recover(fstab)
    except PreflightError as error:
        assert error.code == "store-not-mounted"
        assert error.hint.startswith(f"sudo mount {board.store},")
        assert board.acts() == []
        fstab.write_text("")
        assert board.recover(fstab).result == "undone"
        assert board.status().healthy
        return
    raise AssertionError("it began to undo without the disk")


def what_was_killed_after_its_commit_is_finished(folder: Path) -> None:
    board = two_revisions(folder)
    killed(board, "rename-container")
    done = board.recover()
    acts = board.acts()
    assert acts == ["rename jd-default-3-candidate jd-default-3", "stop jd-default-1", "remove jd-default-1"]
    assert (done.result, done.revision, done.serves) == ("finished", 3, "jd-default-3")
    assert board.containers == {"jd-default-2": ("exited", "no"), "jd-default-3": ("running", "always")}
    assert (board.state.current, board.state.intent) == (3, None)


def the_next_up_finds_what_was_killed_and_begins_anew(folder: Path) -> None:
    board = two_revisions(folder)
    killed(board, "start-container")
    done = board.up(context=3072)
    assert (done.result, done.container) == ("done", "jd-default-4")
    assert board.containers == {"jd-default-2": ("exited", "no"), "jd-default-4": ("running", "always")}
    assert board.recover().result == "no-changes"


def status_tells_what_serves_and_what_came_before(folder: Path) -> None:
    board = two_revisions(folder)
    found = board.status(drift=True)
    assert (found.healthy, found.container, found.revision, found.endpoint) == (True, "jd-default-2", 2, board.url)
    assert (found.context_tokens, found.gpu_share, found.tokens_per_second_proven) == (2048, 1.0, 80.0)
    assert found.restart_policy == "always"
    assert found.previous is not None and (found.previous.container, found.previous.kept) == ("jd-default-1", True)
    assert not found.drifted
    assert found.drift == ()
    assert board.acts() == []


def status_of_a_server_that_hangs_names_the_check_that_failed(folder: Path) -> None:
    board = two_revisions(folder)
    board.server.at(board.url).broken = "llama runner process has terminated"
    found = board.status()
    failed = found.verdicts[-1]
    assert not found.healthy
    assert (failed.check, failed.passed) == ("generate", False)
    assert "llama runner process has terminated" in failed.observed


def two_revisions(folder: Path) -> FakeBoard:
    board = FakeBoard(folder)
    board.up()
    board.up(context=2048)
    board.acts()
    return board


def killed(board: FakeBoard, step: str) -> None:
    """`up` of a third revision dies right before the step."""
    board.cut_before = step
    try:
        board.up(context=3072)
    except Killed:
        board.acts()
        return
    raise AssertionError(f"no step begins with {step!r}")


FLOWS = (
    a_rollback_deploys_the_revision_before_under_a_new_number,
    a_board_with_one_revision_has_nothing_to_roll_back_to,
    a_rollback_after_down_brings_back_what_was_taken_down,
    after_down_and_an_up_rollback_goes_to_what_the_up_replaced,
    what_was_killed_before_its_proof_is_undone_and_the_old_one_serves,
    what_was_killed_is_left_as_it_is_until_its_disk_is_mounted,
    what_was_killed_after_its_commit_is_finished,
    the_next_up_finds_what_was_killed_and_begins_anew,
    status_tells_what_serves_and_what_came_before,
    status_of_a_server_that_hangs_names_the_check_that_failed,
)
