"""`doctor` on a board that serves, one that fails and an empty one; `up` refuses for what `doctor` says blocks."""

from __future__ import annotations

from pathlib import Path

import msgspec
from fake_board import ANSWERED, NAME, FakeBoard
from server import Behaviour

from jetson_deploy.catalog.entries import Issue
from jetson_deploy.catalog.load import load_issues
from jetson_deploy.doctor.checkup import check_up
from jetson_deploy.doctor.finding import Checkup
from jetson_deploy.doctor.patient import Patient
from jetson_deploy.errors import PreflightError


def looked_at(board: FakeBoard, **more: Issue) -> Checkup:
    patient = Patient(
        root=board.root,
        settings=board.settings,
        catalog=board.catalog,
        issues={**load_issues(), **more},
        deployment=NAME,
        servers=board.server.of,
        store=board.store,
    )
    return check_up(patient, board.runtime)


def own_issue() -> Issue:
    raw = {
        "id": "mine",
        "title": "A kernel of ours",
        "phase": "preflight",
        "severity": "block",
        "symptoms": [],
        "probe": {"all": [{"fact": "l4t", "equals": "36.4.3"}], "evidence": "L4T {l4t}"},
        "fix": ["flash another one"],
        "source": ["me"],
        "confidence": "verified",
    }
    return msgspec.convert(raw, Issue)


def a_board_that_serves_has_nothing_that_blocks_and_its_server_is_asked(folder: Path) -> None:
    board = FakeBoard(folder)
    board.up()
    before = board.acts()
    found = looked_at(board)
    assert not found.blocked, found.findings
    assert {"host", "engine", "store", "deployment", "server log"} <= set(found.looked_at)
    assert before and board.acts() == []


def a_server_that_fell_to_the_cpu_is_told_with_the_line_of_its_log(folder: Path) -> None:
    board = FakeBoard(folder)
    board.up()
    board.server.start(board.url, Behaviour(rate=ANSWERED, gpu_share=0.0, library="cpu", layers=(0, 29)))
    board.runtime.write("jd-default-1", "Failed to initialize NVML: Unknown Error")
    found = looked_at(board)
    by_id = {one.id: one for one in found.findings}
    assert found.blocked
    assert "cpu-fallback" not in by_id, "its cause stands in its place"
    lost = by_id["gpu-lost-daemon-reload"]
    assert (lost.severity, "Failed to initialize NVML" in lost.evidence) == ("block", True)
    assert "check `gpu` failed" in lost.evidence and lost.fix
    assert [one.severity for one in found.findings] == sorted(
        (one.severity for one in found.findings), key=_ORDER.index
    )


_ORDER = ["block", "warning", "note"]


def a_board_without_a_deployment_says_that_no_server_was_asked(folder: Path) -> None:
    board = FakeBoard(folder)
    found = looked_at(board)
    assert not found.blocked, found.findings
    assert "deployment default: nothing is deployed under that name" in found.not_looked_at
    assert "deployment" not in found.looked_at
    assert board.asked() == []


def up_refuses_for_a_blocking_issue_before_anything_is_changed(folder: Path) -> None:
    board = FakeBoard(folder)
    run = msgspec.structs.replace(board.run(4096), issues={"mine": own_issue()})
    from jetson_deploy.deploy.up import bring_up

    try:
        bring_up(run)
    except PreflightError as error:
        assert (error.code, error.exit_code, error.hint) == ("mine", 3, "flash another one")
        assert error.message == "L4T 36.4.3: A kernel of ours"
    else:
        raise AssertionError("it was not refused")
    assert board.acts() == []
    (first, *_) = looked_at(board, mine=own_issue()).findings
    assert (first.id, first.severity, first.evidence) == ("mine", "block", "L4T 36.4.3")


FLOWS = (
    a_board_that_serves_has_nothing_that_blocks_and_its_server_is_asked,
    a_server_that_fell_to_the_cpu_is_told_with_the_line_of_its_log,
    a_board_without_a_deployment_says_that_no_server_was_asked,
    up_refuses_for_a_blocking_issue_before_anything_is_changed,
)
