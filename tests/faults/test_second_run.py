"""F3: what is as it was asked for is asked, and not changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from counting_socket import counting_socket, mutating
from fault_bed import A, B, Bed
from final_state import containers

pytestmark = [pytest.mark.integration, pytest.mark.fault("F3")]


def tree(*roots: Path) -> dict[str, tuple[int, int]]:
    """Path → size and time of the last change."""
    found = [p for root in roots for p in root.rglob("*")]
    return {str(p): (p.lstat().st_size, p.lstat().st_mtime_ns) for p in found if p.is_file()}


def test_a_second_run_and_every_question_change_nothing_at_the_engine(
    bed: Bed, fault_count: Callable[[str, int, int, str], None]
) -> None:
    for context in (A, B):
        assert bed.up("--context", context).code == 0
    previous, current = sorted(c.revision for c in containers(bed))
    questions: dict[tuple[str, ...], str | None] = {
        bed.up_words("--context", B): "no-changes",
        ("up",): "no-changes",
        ("recover",): "no-changes",
        ("recover", "--plan"): "no-changes",
        ("rollback", "--plan"): None,
        ("plan", "--context", A): None,
        ("status",): None,
        ("history",): None,
        ("diff", str(previous), str(current)): None,
    }
    changed: dict[str, list[str]] = {}
    with counting_socket(bed.session.directory, bed.session.engine.socket) as socket:
        for words, result in questions.items():
            before = tree(bed.session.store)
            done = bed.ran(*words, DOCKER_HOST=socket.host)
            asked = socket.asked()
            assert done.code == 0, (words, done)
            assert result in (None, done.word), (words, done)
            assert asked or words[0] in ("diff", "history"), "nothing came through the counting socket"
            if mutating(asked) or tree(bed.session.store) != before:
                changed[" ".join(words)] = mutating(asked) or ["the store"]
    fault_count("F3", len(questions) - len(changed), len(questions), "second runs and questions without a change")
    assert changed == {}


def test_the_counting_socket_sees_a_change(bed: Bed) -> None:
    with counting_socket(bed.session.directory, bed.session.engine.socket) as socket:
        assert bed.up("--context", A, DOCKER_HOST=socket.host).code == 0
        changes = mutating(socket.asked())
    assert any("/containers/create" in request for request in changes), changes
    assert any(request.endswith("/start") for request in changes), changes
