"""`watch` from its first look to its end: it restarts, starts and rolls back."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

from back_flows import two_revisions
from fake_board import MODEL, NAME, FakeBoard
from server import Behaviour

from jetson_deploy.deployment.watch_options import WatchWishes
from jetson_deploy.events import Event, Finished, Healed, Noticed
from jetson_deploy.watch.watch import watch

PACE = 200
"""Seconds of the watcher's clock in a second."""
LOOK_SECONDS = 0.02


def a_server_that_hangs_is_restarted_and_serves_again(folder: Path) -> None:
    board = two_revisions(folder)
    board.server.at(board.url).hung = "no answer within 5 s"
    told = watched(board, until="recovered")
    assert told == ["no-answer", "restarted", "recovered"]
    assert board.acts() == ["restart jd-default-2"]
    assert lines(board) == ["noticed", "restarted", "recovered"]
    assert board.status().healthy


def a_server_that_cannot_generate_is_restarted_with_the_known_cause_named(folder: Path) -> None:
    board = two_revisions(folder)
    board.runtime.write("jd-default-2", "Out of memory: Killed process 77 (ollama)")
    board.server.at(board.url).broken = "runner process has terminated"
    told = watched(board, until="recovered")
    assert told == ["broken", "restarted", "recovered"]
    assert board.acts() == ["restart jd-default-2"]
    noticed = next(event for event in board.events if isinstance(event, Noticed) and event.fault == "broken")
    assert noticed.cause == "oom-killer"


def a_server_that_the_kernel_killed_is_started_again(folder: Path) -> None:
    board = two_revisions(folder)
    board.runtime.end_run("jd-default-2", 137, oom_killed=True)
    told = watched(board, until="recovered")
    assert told == ["oom-killed", "restarted", "recovered"]
    assert board.acts() == ["start jd-default-2"]
    assert board.containers["jd-default-2"] == ("running", "always")


def a_server_that_no_restart_helps_is_rolled_back(folder: Path) -> None:
    board = two_revisions(folder)
    board.servers["jd-default-2"] = Behaviour(hung="no answer within 5 s")
    board.server.at(board.url).hung = "no answer within 5 s"
    told = watched(board, until="rolled-back")
    assert told == ["no-answer", "restarted", "rolled-back"]
    acts = board.acts()
    assert acts[0] == "restart jd-default-2"
    assert acts[1:4] == ["create jd-default-3-candidate", "stop jd-default-2", "start jd-default-3-candidate"]
    assert board.containers == {"jd-default-2": ("exited", "no"), "jd-default-3": ("running", "always")}
    done = board.state.revision(3)
    assert done is not None and done.by is not None
    assert (done.by.command, done.context_tokens) == ("watch", 4096)
    assert board.status().healthy


def a_server_that_answers_only_rubbish_is_restarted_and_rolled_back_with_its_cause_said(folder: Path) -> None:
    """The log of such a server shows nothing of it, and may show another fault."""
    board = two_revisions(folder)
    board.runtime.write("jd-default-2", "Out of memory: Killed process 77 (ollama)")
    board.servers["jd-default-2"] = Behaviour(piece="G")
    board.server.at(board.url).piece = "G"
    told = watched(board, until="rolled-back", generate_seconds=1)
    assert told == ["rubbish", "restarted", "rolled-back"]
    noticed = next(event for event in board.events if isinstance(event, Noticed) and event.fault == "rubbish")
    assert noticed.cause == "gpu-computes-rubbish"
    assert "no working model answers like the server: one character repeated; likely cause: the GPU" in noticed.text
    assert "memory" not in noticed.hint
    assert f"probe {MODEL} 16" in board.asked()
    assert board.containers == {"jd-default-2": ("exited", "no"), "jd-default-3": ("running", "always")}


def a_server_that_was_stopped_on_purpose_is_left_alone(folder: Path) -> None:
    board = two_revisions(folder)
    board.runtime.stop("jd-default-2", 1)
    board.acts()
    assert watched(board, until="stopped") == ["stopped"]
    assert board.acts() == []


def watched(board: FakeBoard, *, until: str, generate_seconds: float = 0) -> list[str]:
    """Faults and actions in order; the watcher gets its SIGTERM at the first that is called `until`."""
    with subprocess.Popen(["sleep", "600"]) as idle:
        for container in board.runtime.containers.values():
            container.pid = idle.pid
        try:
            return _watched(board, until, generate_seconds)
        finally:
            idle.kill()


def _watched(board: FakeBoard, until: str, generate_seconds: float) -> list[str]:
    told: list[str] = []

    def report(event: Event) -> None:
        board.report(event)
        said = event.fault if isinstance(event, Noticed) else event.action if isinstance(event, Healed) else ""
        if said:
            told.append(said)
        if said == until:
            os.kill(os.getpid(), signal.SIGTERM)

    def run(arguments: list[str]) -> Finished:
        """What the watcher has carried out by a process of its own."""
        if arguments == ["recover"]:
            board.recover()
        else:
            assert arguments == ["watch", "--only-roll-back"], arguments
            board.roll_back(command="watch")
        return Finished(exit_code=0, result="done", message="done")

    watch(
        board.root,
        board.settings,
        board.catalog,
        NAME,
        WatchWishes(
            interval_seconds=LOOK_SECONDS, generate_seconds=generate_seconds, memory_guard_bytes=0, max_restarts=1
        ),
        report,
        runtime=board.runtime,
        servers=board.server.of,
        run=run,
        clock=lambda: time.monotonic() * PACE,
    )
    return told


def lines(board: FakeBoard) -> list[str]:
    return [line.result for line in board.state.lines if line.command == "watch"]


FLOWS = (
    a_server_that_hangs_is_restarted_and_serves_again,
    a_server_that_cannot_generate_is_restarted_with_the_known_cause_named,
    a_server_that_the_kernel_killed_is_started_again,
    a_server_that_no_restart_helps_is_rolled_back,
    a_server_that_answers_only_rubbish_is_restarted_and_rolled_back_with_its_cause_said,
    a_server_that_was_stopped_on_purpose_is_left_alone,
)
