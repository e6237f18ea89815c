"""Each suite reads folders of its own: no test lies where no run of scripts/test looks for it."""

from __future__ import annotations

import ast
from pathlib import Path

TESTS = Path(__file__).parent
ON_REAL_PARTS = {"integration": "integration", "faults": "integration", "boards": "boards"}
"""Folder, which the quick suite leaves out → the mark that each of its files has as a whole."""


def marks(path: Path) -> set[str]:
    """That `pytestmark` gives to every test of the file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    given = [
        one.value for one in tree.body if isinstance(one, ast.Assign) and ast.unparse(one.targets[0]) == "pytestmark"
    ]
    return {node.attr for value in given for node in ast.walk(value) if isinstance(node, ast.Attribute)}


def test_every_file_of_a_folder_that_the_quick_suite_leaves_out_belongs_to_another() -> None:
    files = [(folder, path) for folder in ON_REAL_PARTS for path in (TESTS / folder).rglob("test_*.py")]
    assert {folder for folder, _ in files} == set(ON_REAL_PARTS)
    assert [str(path) for folder, path in files if ON_REAL_PARTS[folder] not in marks(path)] == []
