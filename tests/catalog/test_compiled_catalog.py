"""The compiled form of the built-in catalog says what the YAML says, and holds for those very bytes alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.catalog.compiled import compiled_catalog, place
from jetson_deploy.catalog.layers import Layer, built_in_dir
from jetson_deploy.catalog.read import read_catalog
from jetson_deploy.errors import CatalogError


class Counted:
    """Reads the YAML of a directory, and counts how often."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.times = directory, 0

    def __call__(self) -> Catalog:
        self.times += 1
        return read_catalog([Layer(self.directory, built_in=True)])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for top in ("profiles", "containers"):
        shutil.copytree(built_in_dir() / top, tmp_path / "data" / top)
    return tmp_path / "data"


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    return tmp_path / "kept.msgpack"


def test_it_says_what_the_yaml_says_and_the_yaml_is_read_once(data: Path, kept: Path) -> None:
    read = Counted(data)
    first, second = compiled_catalog(data, kept, read), compiled_catalog(data, kept, read)
    assert first == second == read_catalog([Layer(data, built_in=True)])
    assert read.times == 1
    assert [path.name for path in kept.parent.iterdir() if path.is_file()] == [kept.name]


def changed(data: Path) -> None:
    path = data / "containers/advisories.yaml"
    path.write_text(path.read_text() + "\n# of the same entries\n")


def one_more(data: Path) -> None:
    (data / "profiles/boards/stray.txt").write_text("")


def one_fewer(data: Path) -> None:
    next((data / "containers/images").glob("*ollama*.yaml")).unlink()


@pytest.mark.parametrize("change", [changed, one_more, one_fewer])
def test_any_change_of_the_data_is_read(change: Callable[[Path], None], data: Path, kept: Path) -> None:
    read = Counted(data)
    compiled_catalog(data, kept, read)
    change(data)
    assert compiled_catalog(data, kept, read) == read_catalog([Layer(data, built_in=True)])
    assert read.times == 2
    compiled_catalog(data, kept, read)
    assert read.times == 2


def later() -> int:
    """When the times of the files tell every change from the one before."""
    return time.time_ns() + 10_000_000_000


@pytest.mark.parametrize("change", [changed, one_more, one_fewer])
def test_any_change_of_data_that_lay_still_is_read(change: Callable[[Path], None], data: Path, kept: Path) -> None:
    read = Counted(data)
    first = compiled_catalog(data, kept, read, later)
    assert compiled_catalog(data, kept, read, later) == first
    assert read.times == 1
    change(data)
    assert compiled_catalog(data, kept, read, later) == read_catalog([Layer(data, built_in=True)])
    assert read.times == 2


def test_a_change_of_the_same_size_whose_time_was_set_back_is_read(data: Path, kept: Path) -> None:
    path = data / "profiles/limits.yaml"
    before, text = path.stat(), path.read_text()
    compiled_catalog(data, kept, Counted(data), later)
    path.write_text(text.replace("0", "1", 1))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    read = Counted(data)
    compiled_catalog(data, kept, read, later)
    assert (path.stat().st_size, path.stat().st_mtime_ns, read.times) == (before.st_size, before.st_mtime_ns, 1)


def test_data_that_was_copied_unchanged_over_itself_is_not_read_again(data: Path, kept: Path) -> None:
    read = Counted(data)
    compiled_catalog(data, kept, read, later)
    for path in data.rglob("*.yaml"):
        text = path.read_text()
        path.unlink()
        path.write_text(text)
    compiled_catalog(data, kept, read, later)
    assert read.times == 1


def test_of_data_that_lies_still_no_content_is_read(data: Path, kept: Path) -> None:
    code = f"""if True:
        import sys, time
        from pathlib import Path
        from jetson_deploy.catalog.compiled import compiled_catalog
        opened = []
        sys.addaudithook(lambda name, of: opened.append(str(of[0])) if name == "open" else None)
        compiled_catalog(Path({str(data)!r}), Path({str(kept)!r}), list, lambda: time.time_ns() + 10**10)
        print([name for name in opened if name.endswith((".yaml", ".py", ".msgpack"))])
    """
    compiled_catalog(data, kept, Counted(data), later)
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == f"[{str(kept)!r}]\n"


def test_what_became_wrong_is_refused_with_its_file_and_key(data: Path, kept: Path) -> None:
    compiled_catalog(data, kept, Counted(data))
    board = next((data / "profiles/boards").glob("*.yaml"))
    board.write_text(board.read_text() + "\nnonsense: 1\n")
    with pytest.raises(CatalogError, match=rf"{board.name}.*nonsense.*unknown key"):
        compiled_catalog(data, kept, Counted(data))


@pytest.mark.parametrize(
    "damage",
    [lambda b: b[:-100], lambda b: b"", lambda b: b[:100] + b"?" + b[101:], lambda b: b[:128] + b"\xc1" + b[129:]],
)
def test_a_damaged_one_is_made_anew(damage: Callable[[bytes], bytes], data: Path, kept: Path) -> None:
    read = Counted(data)
    whole = compiled_catalog(data, kept, read)
    kept.write_bytes(damage(kept.read_bytes()))
    assert compiled_catalog(data, kept, read) == whole
    assert compiled_catalog(data, kept, read) == whole
    assert read.times == 2


def test_where_it_cannot_be_kept_the_yaml_is_read_each_time(data: Path, kept: Path, tmp_path: Path) -> None:
    read = Counted(data)
    for where in (tmp_path / "missing" / kept.name, data, None):
        assert compiled_catalog(data, where, read).boards
    assert read.times == 3


def test_it_is_not_written_where_python_writes_no_byte_code(
    data: Path, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    compiled_catalog(data, kept, Counted(data))
    assert not kept.exists()


def test_it_lies_beside_the_byte_code() -> None:
    found = place()
    assert found is not None
    assert found.parent.name == "__pycache__"


def test_a_catalog_without_overlays_is_loaded_without_the_yaml_reader(tmp_path: Path) -> None:
    code = (
        "import sys; from jetson_deploy.catalog.load import load_catalog; load_catalog(); print('yaml' in sys.modules)"
    )
    environment = {"PYTHONPYCACHEPREFIX": str(tmp_path), "HOME": str(tmp_path)}
    runs = [
        subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True).stdout
        for _ in range(2)
    ]
    assert runs == ["True\n", "False\n"]
