"""Wording of the catalog's errors: file, key path, problem, nearest valid name."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jetson_deploy.errors import CatalogError


def shown(value: Any, limit: int = 80) -> str:
    """A user's key or value on one line."""
    text = str(value)
    if not text.isprintable():
        text = repr(text)[1:-1]
    return text if len(text) <= limit else text[: limit - 1] + "…"


def nearest(name: Any, valid: Iterable[Any]) -> str | None:
    """The valid name that was probably meant."""
    import difflib  # only a failure needs it

    names = [str(v) for v in valid]
    found = difflib.get_close_matches(str(name)[:200], names, n=1, cutoff=0.55)
    return found[0] if found else None


def suggestion(name: Any, valid: Iterable[Any]) -> str:
    """`did you mean x?`, or the list of what is valid."""
    names = [str(v) for v in valid]
    near = nearest(name, names)
    if near:
        return f"did you mean {near}?"
    if not names:
        return "there is none to name"
    return "valid: " + ", ".join(names[:12]) + (" …" if len(names) > 12 else "")


def catalog_error(path: Path, key: str, problem: str, *, hint: str, code: str = "catalog-bad-value") -> CatalogError:
    """`FILE: key.path: problem`."""
    where = f"{shown(path, 400)}: " + (f"{shown(key, 200)}: " if key else "")
    return CatalogError(where + shown(problem, 300), hint=shown(hint, 400), code=code)
