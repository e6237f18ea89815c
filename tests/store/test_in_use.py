"""Which running processes hold a file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from holder import holding

from jetson_deploy.store.maintenance.in_use import FileId, file_id, find_holders


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / f"sha256-{'a' * 64}"
    path.write_bytes(b"weights")
    return path


def id_of(path: Path) -> FileId:
    return file_id(path.stat())


@pytest.mark.parametrize("how", ["open", "mapped"])
def test_a_process_that_has_a_file_open_or_only_mapped_is_found_with_pid_and_name(how: str, path: Path) -> None:
    with holding(how, path) as pid:
        holder = find_holders({id_of(path): path.name}).holders[id_of(path)]
        assert holder.pid == pid
        assert holder.command.startswith("python")
    assert find_holders({id_of(path): path.name}).holders == {}


@pytest.mark.parametrize("how", ["open", "mapped"])
def test_a_file_is_known_by_whatever_name_it_was_opened(how: str, path: Path) -> None:
    """As a container that has the one file mounted under a name of its own."""
    other = path.with_name("model.gguf")
    other.hardlink_to(path)
    with holding(how, other) as pid:
        other.unlink()
        assert find_holders({id_of(path): path.name}).holders[id_of(path)].pid == pid


def test_a_process_that_was_started_for_a_file_is_found_although_it_has_closed_it(path: Path) -> None:
    """As a runner of Ollama that has read its weights into memory; the path is that of its container."""
    holder = find_holders({id_of(path): path.name}).holders
    assert holder == {}
    with holding("named", Path("/root/.ollama/models/blobs") / path.name) as pid:
        holder = find_holders({id_of(path): path.name}).holders
        assert holder[id_of(path)].claim("it").endswith(f"(pid {pid}) was started with it")
        longer = path.name + ".gguf"
        assert find_holders({id_of(path): longer}).holders == {}


def test_a_file_that_took_the_place_of_one_that_is_held_is_not_held(path: Path) -> None:
    with holding("open", path):
        (path.parent / "new").write_bytes(b"other")
        (path.parent / "new").replace(path)
        assert find_holders({id_of(path): path.name}).holders == {}


def fake_proc(folder: Path, *, namespace: int | None = None, others: bool = True) -> Path:
    (folder / "self/ns").mkdir(parents=True)
    (folder / "self/ns/pid").touch()
    if others:
        (folder / "1/fd").mkdir(parents=True)
        (folder / "1/maps").touch()
    return folder


@pytest.mark.parametrize(
    ("others", "note"),
    [(True, "only the processes of this container are seen"), (False, "processes of others are hidden here")],
)
def test_where_not_all_processes_are_seen_that_is_said(others: bool, note: str, tmp_path: Path) -> None:
    found = find_holders({}, proc=fake_proc(tmp_path / "proc", others=others))
    assert [text.split(":")[0] for text in found.notes] == [note]


def test_lines_of_maps_that_make_no_sense_are_passed_over(path: Path, tmp_path: Path) -> None:
    proc = fake_proc(tmp_path / "proc")
    device = id_of(path).device
    lines = f"""\
7f0000000000-7f0000001000 r--p 00000000 00:00 0
7f0000001000-7f0000002000 r--p 00000000 {os.major(device):x}:{os.minor(device):x} {id_of(path).inode}  {path}
7f0000002000-7f0000003000 r--p 00000000 00:00 0  [heap]

"""
    (proc / "1/maps").write_text(lines)
    assert find_holders({id_of(path): path.name}, proc=proc).holders[id_of(path)].pid == 1
