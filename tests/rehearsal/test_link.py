"""scripts/link puts the tool on the PATH by a link, and never takes a name that something else has."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

LINK = Path(__file__).parents[2] / "scripts" / "link"
Ran = subprocess.CompletedProcess[str]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    return made(tmp_path / "clone")


def made(here: Path) -> Path:
    (here / "scripts").mkdir(parents=True)
    shutil.copy(LINK, here / "scripts" / "link")
    tool = here / ".venv" / "bin" / "jetson-deploy"
    tool.parent.mkdir(parents=True)
    tool.touch(0o755)
    return here


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    return tmp_path / "usr" / "local"


@pytest.fixture
def link(clone: Path, prefix: Path) -> Callable[..., Ran]:
    def call(*arguments: str, of: Path = clone) -> Ran:
        argv = [str(of / "scripts" / "link"), "--prefix", str(prefix), *arguments]
        return subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)

    return call


def test_it_links_once_and_removes_what_it_linked(link: Callable[..., Ran], clone: Path, prefix: Path) -> None:
    path = prefix / "bin" / "jetson-deploy"
    assert link().stderr == f"linked: {path}\n"
    assert path.readlink() == clone / ".venv/bin/jetson-deploy"
    again = link()
    assert (again.returncode, again.stderr) == (0, "")
    assert link("--remove").stderr == f"removed: {path}\n"
    assert not path.is_symlink()
    gone = link("--remove")
    assert (gone.returncode, gone.stderr) == (0, "")


def foreign_file(path: Path, _: Path) -> None:
    path.write_text("somebody's own\n")


def foreign_link(path: Path, _: Path) -> None:
    path.symlink_to("/bin/true")


def dead_foreign_link(path: Path, _: Path) -> None:
    path.symlink_to("/nonexistent/tool")


def link_of_another_clone(path: Path, there: Path) -> None:
    path.symlink_to(made(there / "other") / ".venv/bin/jetson-deploy")


def directory(path: Path, _: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize("put", [foreign_file, foreign_link, dead_foreign_link, link_of_another_clone, directory])
def test_what_is_not_of_this_clone_is_neither_replaced_nor_removed(
    put: Callable[[Path, Path], None], link: Callable[..., Ran], prefix: Path, tmp_path: Path
) -> None:
    path = prefix / "bin" / "jetson-deploy"
    path.parent.mkdir(parents=True)
    put(path, tmp_path)
    before = path.lstat()
    refused = link()
    assert refused.returncode == 3
    assert [line.partition(":")[0] for line in refused.stderr.splitlines()] == ["error", "hint"]
    left = link("--remove")
    assert (left.returncode, left.stderr) == (0, f"left alone: {path} is not of this clone\n")
    after = path.lstat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_dead_link_of_a_clone_that_was_moved_is_replaced(link: Callable[..., Ran], clone: Path, prefix: Path) -> None:
    path = prefix / "bin" / "jetson-deploy"
    path.parent.mkdir(parents=True)
    path.symlink_to("/nonexistent/clone/.venv/bin/jetson-deploy")
    assert link().returncode == 0
    assert path.readlink() == clone / ".venv/bin/jetson-deploy"


def test_without_the_tool_nothing_is_linked(link: Callable[..., Ran], clone: Path, prefix: Path) -> None:
    (clone / ".venv/bin/jetson-deploy").unlink()
    refused = link()
    assert (refused.returncode, prefix.exists()) == (3, False)
    assert "scripts/setup" in refused.stderr


def test_an_option_that_does_not_exist_is_refused(link: Callable[..., Ran]) -> None:
    assert link("--force").returncode == 2
