"""The journal of an unfinished blob: it never says more than was safe, whatever happened to its file."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jetson_deploy.store.layout import StorePaths, prepare_store
from jetson_deploy.store.manifest import Blob
from jetson_deploy.store.transfer.journal import Journal, Saved
from jetson_deploy.store.transfer.part import Part, data_path, journal_path
from jetson_deploy.store.transfer.ranges import Ranges

BLOB = Blob(digest="sha256:" + "ab" * 32, size=1000)
NOTHING: list[tuple[int, int]] = []


def saved(*done: tuple[int, int], mirrored: tuple[tuple[int, int], ...] = ()) -> Saved:
    return Saved(done=Ranges(done), mirrored=Ranges(mirrored))


def written(path: Path) -> Journal:
    """A journal with three entries, the last from a mirror."""
    journal = Journal(path, BLOB)
    journal.begin(saved((0, 100)))
    journal.append(saved((200, 300)), saved((0, 100), (200, 300)))
    journal.append(saved((300, 400), mirrored=((300, 400),)), saved((0, 100), (200, 400), mirrored=((300, 400),)))
    journal.close()
    return journal


def test_what_was_written_is_read_again_with_its_origin(tmp_path: Path) -> None:
    read = written(tmp_path / "j").read()
    assert (list(read.done), list(read.mirrored)) == ([(0, 100), (200, 400)], [(300, 400)])


@pytest.mark.fault("F6")
def test_a_journal_cut_at_any_byte_says_only_what_it_had_said_before() -> None:
    with tempfile.TemporaryDirectory() as folder:
        journal = written(Path(folder, "j"))
        whole = journal.path.read_bytes()
        for length in range(len(whole)):
            journal.path.write_bytes(whole[:length])
            # The last line without its line end has its checksum: it counts.
            whole_line = [[(0, 100), (200, 400)]] if length == len(whole) - 1 else []
            assert list(journal.read().done) in (NOTHING, [(0, 100)], [(0, 100), (200, 300)], *whole_line), length
        journal.path.write_bytes(whole)
        assert list(journal.read().done) == [(0, 100), (200, 400)]


@given(st.integers(0, 10_000), st.integers(0, 7))
def test_a_flipped_bit_never_adds_a_range(position: int, bit: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        journal = written(Path(folder, "j"))
        content = bytearray(journal.path.read_bytes())
        content[position % len(content)] ^= 1 << bit
        journal.path.write_bytes(content)
        missing = Ranges([(0, 100), (200, 400)])
        for start, end in journal.read().done:
            missing.remove(start, end)
            assert (start, end) in ((0, 100), (200, 300), (200, 400))


@given(st.binary(max_size=400))
@pytest.mark.fault("F6")
def test_no_file_of_any_content_is_an_error(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "j")
        path.write_bytes(content)
        assert list(Journal(path, BLOB).read().done) == NOTHING


@pytest.mark.parametrize(
    "other",
    [Blob(digest=BLOB.digest, size=999), Blob(digest="sha256:" + "cd" * 32, size=1000)],
    ids=["another size", "another digest"],
)
def test_the_journal_of_another_blob_says_nothing(other: Blob, tmp_path: Path) -> None:
    written(tmp_path / "j")
    assert list(Journal(tmp_path / "j", other).read().done) == NOTHING


def test_a_long_journal_is_written_anew_with_its_ranges_merged(tmp_path: Path) -> None:
    journal, done = Journal(tmp_path / "j", Blob(digest=BLOB.digest, size=10**6)), Ranges()
    for start in range(0, 40_000, 10):
        done.add(start, start + 10)
        journal.append(saved((start, start + 10)), Saved(done=Ranges(done), mirrored=Ranges()))
    journal.close()
    assert (tmp_path / "j").stat().st_size < 70_000
    assert list(journal.read().done) == [(0, 40_000)]


@pytest.fixture
def paths(tmp_path: Path) -> StorePaths:
    return prepare_store(tmp_path / "store")


def begun(paths: StorePaths) -> Part:
    part = Part(paths, BLOB)
    part.reserve()
    part.open()
    return part


def test_room_for_the_whole_blob_is_taken_before_the_first_byte(paths: StorePaths) -> None:
    begun(paths).close()
    status = data_path(paths, BLOB).stat()
    assert status.st_size == 1000
    assert status.st_blocks * 512 >= 1000


def test_only_what_was_made_safe_is_there_after_a_kill(paths: StorePaths) -> None:
    part = begun(paths)
    part.write(0, b"a" * 100, mirrored=False)
    part.checkpoint()
    part.write(100, b"b" * 100, mirrored=False)  # killed here
    again = Part(paths, BLOB)
    again.reserve()
    assert again.here() == [(0, 100)]
    assert again.was_here


def test_bytes_that_turned_out_wrong_are_missing_also_after_a_kill(paths: StorePaths) -> None:
    part = begun(paths)
    part.write(0, b"a" * 1000, mirrored=False)
    part.checkpoint()
    part.forget([(400, 500)])
    again = Part(paths, BLOB)
    again.reserve()
    assert again.here() == [(0, 400), (500, 1000)]


@pytest.mark.parametrize("length", [0, 999, 1001])
def test_data_of_another_length_than_the_blob_counts_for_nothing(length: int, paths: StorePaths) -> None:
    part = begun(paths)
    part.write(0, b"a" * 100, mirrored=False)
    part.checkpoint()
    data_path(paths, BLOB).write_bytes(b"a" * length)
    again = Part(paths, BLOB)
    again.reserve()
    assert again.here() == NOTHING
    assert not journal_path(paths, BLOB).exists()


def test_a_link_in_the_place_of_the_data_is_not_followed(paths: StorePaths, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"v" * 1000)
    data_path(paths, BLOB).symlink_to(victim)
    begun(paths).write(0, b"a" * 1000, mirrored=False)
    assert victim.read_bytes() == b"v" * 1000
