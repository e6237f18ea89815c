"""More boards than the machine's memory or disk holds are refused before anything of them is made."""

from __future__ import annotations

from pathlib import Path

import pytest

from jetson_deploy.errors import ResourceError
from jetson_deploy.rehearsal.virtual.room import MEMORY, check_room, room_words


def meminfo(directory: Path, boards: float) -> Path:
    file = directory / "meminfo"
    file.write_text(f"MemTotal: 99999999 kB\nMemAvailable: {int(boards * MEMORY) >> 10} kB\n")
    return file


def test_as_many_as_the_memory_holds_are_made(tmp_path: Path) -> None:
    check_room(3, tmp_path, meminfo(tmp_path, 3))


@pytest.mark.parametrize(
    ("count", "held", "hint"),
    [(4, 3.9, "take --fleet 3, or end what else"), (1, 0.5, "end what else"), (2, 0.5, "end what else")],
)
def test_more_are_refused_with_how_many_it_holds(tmp_path: Path, count: int, held: float, hint: str) -> None:
    with pytest.raises(ResourceError, match=f"{count} virtual boards? would hold") as refused:
        check_room(count, tmp_path, meminfo(tmp_path, held))
    assert (refused.value.code, refused.value.hint[: len(hint)]) == ("no-memory-for-boards", hint)


def test_disks_that_would_fill_this_machines_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ResourceError) as refused:
        check_room(1 << 20, tmp_path, meminfo(tmp_path, 1 << 21))
    assert refused.value.code == "no-room-for-boards"


def test_memory_that_is_not_told_refuses_nothing(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("")
    check_room(1, tmp_path, tmp_path / "meminfo")


def test_what_they_take_is_said() -> None:
    assert "6.0 GiB of memory" in room_words(3)
