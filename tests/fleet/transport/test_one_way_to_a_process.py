"""asyncssh's own `run` and `check=True` return normally when the connection is lost: one file makes processes."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[3] / "jetson_deploy"
ONE = "remote_process.py"
MAKERS = {"create_process", "create_session", "create_subprocess", "open_session", "start_sftp_client"}


def calls(source: str, users: set[str]) -> list[str]:
    """What makes a process of asyncssh: a maker by name, `check=True`, or `.run(` of something called a connection."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Attribute):
            owner = ast.unparse(node.func.value)
            if node.func.attr in MAKERS or (node.func.attr == "run" and owner in users):
                found.append(f"{owner}.{node.func.attr}")
        if any(word.arg == "check" and ast.unparse(word.value) == "True" for word in node.keywords):
            found.append("check=True")
    return found


USERS = {"connection", "self._connection", "opened", "self._opened", "tunnel", "conn"}


@pytest.mark.parametrize("path", sorted((PACKAGE / "fleet" / "transport").rglob("*.py")), ids=lambda path: path.name)
def test_asyncssh_makes_a_process_in_one_file_alone(path: Path) -> None:
    found = calls(path.read_text(encoding="utf-8"), USERS)
    assert found == (["connection.create_process"] if path.name == ONE else [])


def test_asyncssh_is_imported_by_the_transport_alone() -> None:
    users = [path for path in PACKAGE.rglob("*.py") if "import asyncssh" in path.read_text(encoding="utf-8")]
    assert {path.parent for path in users} == {PACKAGE / "fleet" / "transport"}


@pytest.mark.parametrize(
    "line", ["await conn.run('x')", "await p.wait(check=True)", "await self._connection.create_process('x')"]
)
def test_the_forbidden_calls_are_recognised(line: str) -> None:
    assert calls(f"async def f(self, conn, p):\n    {line}", USERS)
