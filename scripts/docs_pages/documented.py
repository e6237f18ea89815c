"""Fields of a class with the docstrings below them, read from the source: Python itself does not keep these."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PACKAGE = Path(__file__).resolve().parent.parent.parent / "jetson_deploy"


class Field(NamedTuple):
    name: str
    kind: str
    default: str
    """As in the source; empty: none; of what msgspec.UNSET leaves out: `left out`."""
    text: str


class Documented(NamedTuple):
    name: str
    tag: str
    text: str
    fields: tuple[Field, ...]


def classes(module: str) -> dict[str, Documented]:
    tree = ast.parse((PACKAGE / module).read_text(encoding="utf-8"))
    return {node.name: _class(node) for node in tree.body if isinstance(node, ast.ClassDef)}


def _class(node: ast.ClassDef) -> Documented:
    tags = [k.value.value for k in node.keywords if k.arg == "tag" and isinstance(k.value, ast.Constant)]
    tag = str(tags[0]) if tags else ""
    return Documented(node.name, tag, ast.get_docstring(node) or "", tuple(_fields(node)))


def _fields(node: ast.ClassDef) -> Iterator[Field]:
    for statement, after in zip(node.body, [*node.body[1:], None], strict=True):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            default = ast.unparse(statement.value) if statement.value else ""
            kind = ast.unparse(statement.annotation).removesuffix(" | msgspec.UnsetType")
            yield Field(
                statement.target.id, kind, "left out" if default == "msgspec.UNSET" else default, _docstring(after)
            )


def _docstring(statement: ast.stmt | None) -> str:
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return " ".join(str(statement.value.value).split())
    return ""
