"""`chat`: which server gets a prompt, what is said of one that the context cuts, and how an interrupted answer ends."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from fake_board import NAME, FakeBoard

from jetson_deploy.cli.chat import opened_talk
from jetson_deploy.cli.talk import Talk
from jetson_deploy.deploy.status import require_serving
from jetson_deploy.deploy.survey import survey
from jetson_deploy.errors import UnhealthyError
from jetson_deploy.facts import PortFacts

ME = os.geteuid()


def the_deployment_that_serves_gets_the_prompt(folder: Path) -> None:
    board, talk = talking(folder)
    with captured() as said:
        assert talk.turn("Hi") == 0
    assert board.asked() == ["chat deepseek-r1:1.5b"]
    text, _, waited = said.getvalue().partition(", the first after ")
    assert text == "word " * 8 + "\n8 tokens, 80.0 tok/s"
    assert waited.endswith(" s\n") and float(waited.removesuffix(" s\n")) >= 0


def a_deployment_that_was_stopped_gets_no_prompt(folder: Path) -> None:
    board, talk = talking(folder)
    board.runtime.stop("jd-default-1", 1)
    refused(board, talk, "deployment-stopped", "its container jd-default-1 is exited")


def a_paused_one_gets_no_prompt(folder: Path) -> None:
    board, talk = talking(folder)
    board.runtime.containers["jd-default-1"].state = "paused"
    refused(board, talk, "deployment-stopped", "is paused")


def a_port_at_which_nothing_listens_gets_no_prompt(folder: Path) -> None:
    board, talk = talking(folder)
    board.runtime.listeners.clear()
    refused(board, talk, "nothing-listens", "nothing listens at 127.0.0.1:")


def another_container_at_the_port_gets_no_prompt(folder: Path) -> None:
    board, talk = talking(folder)
    other = board.runtime.add("open-webui", {})
    listens(board, pid=7, process="python3", container_id=other.id)
    refused(board, talk, "port-taken", "python3 (pid 7) of another container or the host listens at")


def a_server_of_the_host_at_the_port_gets_no_prompt(folder: Path) -> None:
    board, talk = talking(folder)
    listens(board, pid=7, process="ollama", uid=ME)
    refused(board, talk, "port-taken", "ollama (pid 7) of")


def without_root_a_listener_of_another_user_gets_no_prompt(folder: Path) -> None:
    board, talk = talking(folder)
    board.runtime.containers["jd-default-1"].pid = os.getpid()
    listens(board, uid=ME + 1)
    refused(board, talk, "port-taken", f"a process of user {ME + 1}, and not of the container's user {ME}, listens")


def without_root_a_listener_of_the_containers_user_is_taken_for_it_and_what_stays_unknown_is_said_once(
    folder: Path,
) -> None:
    board, talk = talking(folder)
    board.runtime.containers["jd-default-1"].pid = os.getpid()
    listens(board, uid=ME)
    with captured() as said:
        assert (talk.turn("Hi"), talk.turn("And?")) == (0, 0)
    assert said.getvalue().count(f"cannot be read without root; its user, {ME}, is the container's") == 1
    assert board.asked() == ["chat deepseek-r1:1.5b"] * 2


def where_not_even_the_user_can_be_read_that_is_said_and_the_running_deployment_is_asked(folder: Path) -> None:
    board, talk = talking(folder)
    board.runtime.listeners[board.port] = PortFacts(port=board.port)
    with captured() as said:
        assert talk.turn("Hi") == 0
    assert "cannot be read without root; the container runs\n" in said.getvalue()


def a_deployment_that_stops_between_two_prompts_gets_the_first_alone(folder: Path) -> None:
    board, talk = talking(folder)
    with captured():
        talk.turn("Hi")
    board.asked()
    board.runtime.stop("jd-default-1", 1)
    refused(board, talk, "deployment-stopped", "exited")


def a_prompt_that_the_context_cut_is_said_with_the_numbers_of_the_log(folder: Path) -> None:
    board, talk = talking(folder)
    board.server.at(board.url).prompt_tokens = 2049
    board.runtime.write("jd-default-1", "cut 9000 to 2049")
    with captured() as said:
        talk.turn("a long one")
    assert (
        "note: the prompt of 9000 tokens was cut: the server read 2049 of it, its context has 4096" in said.getvalue()
    )


def a_log_that_cannot_be_read_leaves_the_estimate(folder: Path) -> None:
    board, talk = talking(folder)
    board.server.at(board.url).prompt_tokens = 2049
    with captured() as said:
        talk.turn(" ".join(f"word number {number}" for number in range(2000)))
    assert "tokens (estimated) was cut: the server read 2049 of it" in said.getvalue()


def an_interrupted_answer_is_exit_130_and_what_came_stays(folder: Path) -> None:
    board, talk = talking(folder)
    board.server.at(board.url).interrupted = True
    with captured() as said:
        assert talk.turn("Hi") == 130
        board.server.at(board.url).interrupted = False
        assert talk.turn("Again") == 0
    assert said.getvalue().startswith("word \nstopped; the server goes on serving\n")


def talking(folder: Path) -> tuple[FakeBoard, Talk]:
    """A board whose deployment serves, and a conversation with it."""
    board = FakeBoard(folder)
    board.up()
    board.asked()
    facts = survey(board.root, board.settings, board.catalog, store=None, deployment=NAME, runtime=board.runtime)
    serving = require_serving(facts, NAME)
    return board, opened_talk(serving, board.runtime, board.server, None, hide_thinking=True)


def listens(board: FakeBoard, **read: object) -> None:
    board.runtime.listeners[board.port] = PortFacts(port=board.port, listening=True, **read)  # type: ignore[arg-type]


def refused(board: FakeBoard, talk: Talk, code: str, words: str) -> None:
    with captured() as said:
        try:
            talk.turn("a secret")
        except UnhealthyError as error:
            assert (error.code, error.exit_code) == (code, 1), error.code
            assert words in error.message and "\n" not in error.message + error.hint, error.message
        else:
            raise AssertionError("it was sent")
    assert not [question for question in board.asked() if question.startswith("chat")]
    assert said.getvalue() == ""


@contextlib.contextmanager
def captured() -> Iterator[io.StringIO]:
    """Both streams."""
    said = io.StringIO()
    before = sys.stdout, sys.stderr
    sys.stdout = sys.stderr = said
    try:
        yield said
    finally:
        sys.stdout, sys.stderr = before


FLOWS: tuple[Callable[[Path], None], ...] = (
    the_deployment_that_serves_gets_the_prompt,
    a_deployment_that_was_stopped_gets_no_prompt,
    a_paused_one_gets_no_prompt,
    a_port_at_which_nothing_listens_gets_no_prompt,
    another_container_at_the_port_gets_no_prompt,
    a_server_of_the_host_at_the_port_gets_no_prompt,
    without_root_a_listener_of_another_user_gets_no_prompt,
    without_root_a_listener_of_the_containers_user_is_taken_for_it_and_what_stays_unknown_is_said_once,
    where_not_even_the_user_can_be_read_that_is_said_and_the_running_deployment_is_asked,
    a_deployment_that_stops_between_two_prompts_gets_the_first_alone,
    a_prompt_that_the_context_cut_is_said_with_the_numbers_of_the_log,
    a_log_that_cannot_be_read_leaves_the_estimate,
    an_interrupted_answer_is_exit_130_and_what_came_stays,
)
