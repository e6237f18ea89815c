"""No test judges the product by a clock: how long something takes is the machine's affair, and fails on a busy one.

Work is counted (tests/faults/counted_work.py), clocks and sleeps are parameters, and what must not be waited for is
made so long that waiting for it is a hang, which pytest ends. A deadline that only ends a hang is fine, and so is a
lower bound: something that must wait has waited.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
CLOCKS = {"monotonic", "perf_counter", "process_time", "thread_time", "time", "monotonic_ns", "perf_counter_ns"}
ALLOWED = {
    "doctor/test_any_input.py": "CPU time of its own thread, a hundred times the usual: finds what tries for ever",
    "faults/test_no_network.py": "without a network `up` takes no longer, told by the same run beside it",
}


def speed_claims(source: str) -> Iterator[int]:
    """Lines that assert of an elapsed time that it is below something."""
    if not any(f"{clock}()" in source for clock in CLOCKS):
        return
    for function in ast.walk(ast.parse(source)):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            elapsed = names_of_elapsed(function)
            for node in ast.walk(function):
                if isinstance(node, ast.Assert) and any(claims(part, elapsed) for part in ast.walk(node.test)):
                    yield node.lineno


def names_of_elapsed(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    """Variables that an elapsed time was put into, plainly."""
    given = [node for node in ast.walk(function) if isinstance(node, ast.Assign) and is_elapsed(node.value, set())]
    return {target.id for node in given for target in node.targets if isinstance(target, ast.Name)}


def claims(node: ast.AST, elapsed: set[str]) -> bool:
    """`elapsed < …`, `… > elapsed`, `elapsed == …`: the elapsed time stands where the smaller one does."""
    if not isinstance(node, ast.Compare):
        return False
    sides = [node.left, *node.comparators]
    return any(
        (isinstance(way, ast.Lt | ast.LtE | ast.Eq) and is_elapsed(left, elapsed))
        or (isinstance(way, ast.Gt | ast.GtE | ast.Eq) and is_elapsed(right, elapsed))
        for left, way, right in zip(sides, node.ops, sides[1:], strict=False)
    )


def is_elapsed(node: ast.AST, names: set[str]) -> bool:
    """A difference with a clock in it, or a variable that holds one."""
    return any(
        (isinstance(part, ast.BinOp) and isinstance(part.op, ast.Sub) and any(map(reads_a_clock, ast.walk(part))))
        or (isinstance(part, ast.Name) and part.id in names)
        for part in ast.walk(node)
    )


def reads_a_clock(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    called = node.func
    return (isinstance(called, ast.Attribute) and called.attr in CLOCKS) or (
        isinstance(called, ast.Name) and called.id in CLOCKS - {"time"}
    )


def test_no_test_asserts_how_fast_something_is() -> None:
    found = {
        str(path.relative_to(TESTS)): lines
        for path in sorted(TESTS.rglob("*.py"))
        if (lines := list(speed_claims(path.read_text(encoding="utf-8"))))
    }
    assert {name: lines for name, lines in found.items() if name not in ALLOWED} == {}
    assert set(found) == set(ALLOWED), "an exception that is needed no more"


@pytest.mark.parametrize(
    "claim",
    [
        "assert time.monotonic() - began < 2",
        "assert 2 > time.perf_counter() - began",
        "assert 0.4 < (time.process_time() - began) / 5 < 0.03",
        "seconds = monotonic() - began\n    assert seconds <= usual + 5",
        "assert (time.monotonic() - began) * rate == approx(size)",
    ],
)
def test_a_speed_claim_is_seen(claim: str) -> None:
    assert list(speed_claims(f"def test() -> None:\n    {claim}\n"))


@pytest.mark.parametrize(
    "fine",
    [
        "assert time.monotonic() < deadline",
        "assert time.monotonic() - began > 0.4",
        "assert 0 < said.seconds < time.monotonic() - began",
        "assert time.time() - then",
    ],
)
def test_deadlines_and_lower_bounds_are_none(fine: str) -> None:
    assert not list(speed_claims(f"def test() -> None:\n    {fine}\n"))
