"""A hint fits the way that this copy was installed."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from jetson_deploy.errors import PreflightError
from jetson_deploy.install.renewal import place_of
from jetson_deploy.own_copy import OwnCopy, Way, own_copy

PACKAGE = Path(__file__).parents[2] / "jetson_deploy"
MARKS: dict[str, tuple[Way, str, str]] = {
    "a directory of install.sh": ("installed", "1.0-0123abcd", ".installed"),
    "a directory of that name that is not whole": ("pip", "1.0-0123abcd", "pyvenv.cfg"),
    "pipx": ("pipx", "jetson-deploy", "pipx_metadata.json"),
    "uv tool": ("uv", "jetson-deploy", "uv-receipt.toml"),
    "a Debian package": ("deb", "jetson-deploy", ".deb"),
    "any environment": ("pip", ".venv", "pyvenv.cfg"),
}


def made(directory: Path, name: str, mark: str) -> OwnCopy:
    environment = directory / name
    (environment / "lib" / "jetson_deploy").mkdir(parents=True)
    (environment / mark).write_text("")
    return own_copy(environment, environment / "lib" / "jetson_deploy")


@pytest.mark.parametrize("kind", MARKS)
def test_each_way_is_told_apart(kind: str, tmp_path: Path) -> None:
    way, name, mark = MARKS[kind]
    assert made(tmp_path, name, mark).way == way


def test_this_very_copy_is_a_clone_and_its_scripts_are_there() -> None:
    copy = own_copy()
    assert (copy.way, copy.script("capture-host")) == ("clone", "scripts/capture-host")
    assert (copy.package.parent / copy.script("capture-host")).is_file()


def test_what_was_installed_names_a_script_by_its_place_and_a_pip_that_is_there(tmp_path: Path) -> None:
    copy = made(tmp_path, "1.0-0123abcd", ".installed")
    (copy.environment / "wheels").mkdir()
    (copy.environment / "wheels" / "pip-25.0-py3-none-any.whl").write_text("")
    assert copy.script("capture-host") == str(copy.package / "_data/scripts/capture-host")
    said = copy.adding("matplotlib")
    assert (
        said
        == f"{copy.environment}/bin/python {copy.environment}/wheels/pip-25.0-py3-none-any.whl/pip install matplotlib"
    )


@pytest.mark.parametrize("kind", [kind for kind, (way, _, _) in MARKS.items() if way != "installed"])
def test_a_copy_that_came_another_way_is_not_updated_and_that_way_is_named(kind: str, tmp_path: Path) -> None:
    copy = made(tmp_path, *MARKS[kind][1:])
    with pytest.raises(PreflightError) as refused:
        place_of(copy)
    assert (refused.value.code, refused.value.hint) == ("not-installed-here", copy.newer())
    assert "self update" not in refused.value.hint


NAMED = re.compile(r"(?<![\w/])scripts/[a-z][\w.-]*|pip install\b")
OF_A_CLONE = {"own_copy.py", "install/source.py", "rehearsal/virtual/machine.py", "rehearsal/virtual/wanted.py"}
"""Those of `virtual` are reached by `scripts/virtual-board` alone."""


def test_no_hint_names_a_script_of_a_clone_or_pip_but_by_the_way_that_the_copy_came() -> None:
    """Comments and documentation aside: what a program says, its help too."""
    found = []
    for path in PACKAGE.rglob("*.py"):
        where = path.relative_to(PACKAGE)
        if str(where) in OF_A_CLONE:
            continue
        tree = ast.parse(path.read_text())
        shown = {
            id(node.body[0]) for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.decorator_list
        }
        documents = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and id(node) not in shown}
        texts = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in documents)
        said = (one.value for one in texts if isinstance(one.value, str))
        found += [f"{where}: {text}" for text in said if NAMED.search(text)]
    assert found == []


@pytest.mark.parametrize("kind", MARKS)
def test_what_a_copy_is_told_to_add_is_of_its_own_way(kind: str, tmp_path: Path) -> None:
    copy = made(tmp_path, *MARKS[kind][1:])
    said = f"{copy.adding('matplotlib')} {copy.adding_fleet()} {copy.does_it()} {copy.newer()}"
    assert "scripts/up" not in said and "scripts/setup" not in said
    assert ("pip install" in said) == (copy.way in ("installed", "pip"))
