"""`up` on a fresh board, with nothing to do, for a second revision, and with one that fails its proof."""

from __future__ import annotations

from pathlib import Path

from fake_board import ANSWERED, DIGEST, IMAGE, MODEL, FakeBoard
from server import Behaviour

from jetson_deploy.errors import InterruptedRunError, JetsonDeployError, NetworkError, RolledBackError
from jetson_deploy.events import Event, Note

CHECKS = ["container", "port", "version", "model", "generate", "gpu", "speed", "stability"]


def a_fresh_board_gets_image_container_proof_and_commit_in_this_order(folder: Path) -> None:
    board = FakeBoard(folder)
    done = board.up()
    acts = board.acts()
    assert acts == [
        f"pull {IMAGE}@{DIGEST}",
        "create jd-default-1-candidate",
        "start jd-default-1-candidate",
        "set-restart jd-default-1-candidate always",
        "rename jd-default-1-candidate jd-default-1",
    ]
    assert (done.result, done.container, done.endpoint, done.model) == ("done", "jd-default-1", board.url, MODEL)
    assert (done.gpu_share, done.tokens_per_second, done.downtime_seconds) == (1.0, 80.0, None)
    assert [verdict.check for verdict in done.verdicts] == CHECKS
    assert all(verdict.passed for verdict in done.verdicts)
    assert board.containers == {"jd-default-1": ("running", "always")}
    assert (board.state.current, board.state.previous) == (1, None)
    assert [line.result for line in board.state.lines] == ["done"]


def the_container_is_made_as_the_server_asks_and_the_proof_asks_the_server(folder: Path) -> None:
    board = FakeBoard(folder)
    board.up(context=2048)
    spec = board.runtime.containers["jd-default-1"].spec
    assert spec is not None
    assert (spec.entrypoint, spec.command) == (("fake-llm",), ("--serve",))
    assert spec.environment["FAKE_CONTEXT"] == "2048"
    assert spec.environment["FAKE_ADDRESS"] == f"127.0.0.1:{board.port}"
    assert (spec.environment["HOME"], list(spec.tmpfs)) == ("/home/fake", ["/home/fake"])
    assert not [name for name in spec.environment if name.startswith("OLLAMA")]
    assert spec.mounts == board.server.mounts(str(board.store), board.server.models[0].digest)
    questions = list(dict.fromkeys(board.asked()))
    first = ["alive", "version", "models", f"generate {MODEL} 1", f"generate {MODEL} 32", "running"]
    assert questions == [*first, f"generate {MODEL} 2"]


def a_converged_board_is_asked_and_not_changed(folder: Path) -> None:
    board = FakeBoard(folder)
    board.up()
    board.acts(), board.asked()
    done = board.up()
    assert (done.result, board.acts()) == ("no-changes", [])
    assert board.asked() == ["alive", "version", "models", f"generate {MODEL} 2", "running"]
    assert board.state.current == 1


def a_second_revision_takes_over_and_the_first_is_kept_stopped(folder: Path) -> None:
    board = FakeBoard(folder)
    board.up()
    board.acts()
    done = board.up(context=2048)
    acts = board.acts()
    assert acts == [
        "create jd-default-2-candidate",
        "stop jd-default-1",
        "start jd-default-2-candidate",
        "set-restart jd-default-2-candidate always",
        "set-restart jd-default-1 no",
        "rename jd-default-2-candidate jd-default-2",
    ]
    assert (done.result, done.context_tokens) == ("done", 2048)
    assert done.downtime_seconds is not None and done.downtime_seconds >= 0  # its old server was stopped for the new
    assert board.containers == {"jd-default-1": ("exited", "no"), "jd-default-2": ("running", "always")}
    assert (board.state.current, board.state.previous) == (2, 1)


def a_server_that_works_is_not_replaced_when_that_is_to_wait_for_idleness(folder: Path) -> None:
    board = FakeBoard(folder)
    board.up()
    board.acts()
    board.runtime.write("jd-default-1", "asked by a client")
    error = failed_up(board, context=2048, when_idle=1e12)
    assert (error.exit_code, error.code) == (75, "in-use")
    assert (board.acts(), board.state.current) == ([], 1)
    # What changes nothing asks nobody to wait, and what is idle for long enough is replaced.
    assert board.up(when_idle=1e12).result == "no-changes"
    assert board.up(context=2048, when_idle=1).container == "jd-default-2"


def a_server_that_is_asked_while_the_next_is_staged_is_not_replaced_either(folder: Path) -> None:
    board = FakeBoard(folder)
    board.up()
    board.acts()

    def ask(event: Event) -> None:
        if isinstance(event, Note) and "in use is not known" in event.text:  # the first look is over
            board.runtime.write("jd-default-1", "asked by a client")

    board.on_event = ask
    error = failed_up(board, context=2048, when_idle=1e12)
    assert (error.code, board.acts()) == ("in-use", [])


def a_server_on_the_cpu_fails_its_proof_and_the_old_one_serves_again(folder: Path) -> None:
    board = FakeBoard(folder)
    board.up()
    board.acts()
    board.servers["jd-default-2-candidate"] = Behaviour(gpu_share=0.0, library="cpu", layers=(0, 29), rate=80.0)
    error = failed_up(board, context=2048)
    assert isinstance(error, RolledBackError)
    assert (error.exit_code, error.code) == (7, "check-gpu-failed")
    assert "0% on the GPU, 0/29 layers offloaded" in error.message
    assert "rolled back, jd-default-1 serves" in error.message
    acts = board.acts()
    assert acts == [
        "create jd-default-2-candidate",
        "stop jd-default-1",
        "start jd-default-2-candidate",
        "remove jd-default-2-candidate",
        "start jd-default-1",
    ]
    assert board.containers == {"jd-default-1": ("running", "always")}
    assert board.state.current == 1
    failed = board.state.revision(2)
    assert failed is not None and failed.outcome == "failed"
    assert board.up().result == "no-changes"


def a_server_that_answers_fast_and_only_rubbish_fails_its_proof_and_the_old_one_serves_again(folder: Path) -> None:
    board = FakeBoard(folder)
    board.up()
    board.acts()
    board.servers["jd-default-2-candidate"] = Behaviour(
        piece="G", rate=ANSWERED, says=("another program invoked oom-killer: x",)
    )
    error = failed_up(board, context=2048)
    assert isinstance(error, RolledBackError)
    assert (error.exit_code, error.code) == (7, "check-generate-failed")
    assert "32 tokens at 80.0 tok/s, but no working model answers so (one character repeated): 'GGGG" in error.message
    assert "likely cause: the GPU computes wrongly with this image and driver" in error.message
    assert "rolled back, jd-default-1 serves" in error.message
    assert "JETSON_JETPACK" in error.hint and "memory" not in error.hint
    assert not any("log line" in line for line in error.details)
    assert board.containers == {"jd-default-1": ("running", "always")}
    assert board.up().result == "no-changes"


def what_failed_before_is_not_tried_again_unasked(folder: Path) -> None:
    board = FakeBoard(folder)
    board.up()
    board.servers["jd-default-2-candidate"] = Behaviour(tokens=0)
    assert failed_up(board, context=2048).code == "check-generate-failed"
    board.acts()
    assert failed_up(board, context=2048).code == "failed-before"
    acts = board.acts()
    assert acts == []
    assert board.up(context=2048, force=True).container == "jd-default-3"


def a_first_server_that_ends_at_once_is_explained_by_its_log_and_removed(folder: Path) -> None:
    board = FakeBoard(folder)
    board.servers["jd-default-1-candidate"] = Behaviour(exit_code=1, says=("CUDA error: no kernel image",))
    error = failed_up(board)
    assert (error.exit_code, error.code) == (1, "check-container-failed")
    assert "exited, exit code 1" in error.message
    assert "undone, nothing of ours runs" in error.message
    assert board.containers == {}
    assert board.state.current is None
    assert any("CUDA error" in path.read_text() for path in folder.rglob("server.log"))


def ctrl_c_during_the_proof_brings_the_old_one_back(folder: Path) -> None:
    board = FakeBoard(folder)
    board.up()
    board.acts()
    board.cut, board.cut_before = KeyboardInterrupt, "prove"
    error = failed_up(board, context=2048)
    acts = board.acts()
    assert (error.exit_code, error.code) == (InterruptedRunError.exit_code, "interrupted")
    assert acts[-2:] == ["remove jd-default-2-candidate", "start jd-default-1"]
    assert board.containers == {"jd-default-1": ("running", "always")}
    assert board.up(context=2048).container == "jd-default-3"


def an_image_that_cannot_be_pulled_leaves_what_serves_alone(folder: Path) -> None:
    board = FakeBoard(folder)
    board.runtime.fail(NetworkError("the registry does not answer", hint="try again", code="network"), on="pull")
    error = failed_up(board)
    assert (error.code, board.acts(), board.containers) == ("network", [f"pull {IMAGE}@{DIGEST}"], {})
    assert board.server.asked == []


def a_runtime_that_is_away_is_named_before_anything_is_done(folder: Path) -> None:
    board = FakeBoard(folder)
    board.runtime.away = "hung"
    error = failed_up(board)
    assert (error.exit_code, error.code, board.acts()) == (3, "engine-hung", [])


def a_container_that_somebody_changed_gets_back_what_it_was_deployed_with(folder: Path) -> None:
    board = FakeBoard(folder)
    board.up()
    board.runtime.set_restart("jd-default-1", "no")
    board.acts()
    assert [one.what for one in board.status(drift=True).drift or ()] == ["restart policy"]
    assert (board.up().result, board.acts()) == ("done", ["set-restart jd-default-1 always"])
    assert board.status(drift=True).drift == ()


def failed_up(board: FakeBoard, context: int = 4096, *, when_idle: float | None = None) -> JetsonDeployError:
    try:
        board.up(context, when_idle=when_idle)
    except JetsonDeployError as error:
        return error
    raise AssertionError("it succeeded")


FLOWS = (
    a_fresh_board_gets_image_container_proof_and_commit_in_this_order,
    the_container_is_made_as_the_server_asks_and_the_proof_asks_the_server,
    a_converged_board_is_asked_and_not_changed,
    a_second_revision_takes_over_and_the_first_is_kept_stopped,
    a_server_that_works_is_not_replaced_when_that_is_to_wait_for_idleness,
    a_server_that_is_asked_while_the_next_is_staged_is_not_replaced_either,
    a_server_on_the_cpu_fails_its_proof_and_the_old_one_serves_again,
    a_server_that_answers_fast_and_only_rubbish_fails_its_proof_and_the_old_one_serves_again,
    what_failed_before_is_not_tried_again_unasked,
    a_first_server_that_ends_at_once_is_explained_by_its_log_and_removed,
    ctrl_c_during_the_proof_brings_the_old_one_back,
    an_image_that_cannot_be_pulled_leaves_what_serves_alone,
    a_runtime_that_is_away_is_named_before_anything_is_done,
    a_container_that_somebody_changed_gets_back_what_it_was_deployed_with,
)
