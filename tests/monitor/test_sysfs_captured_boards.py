"""The four captured boards, each against its golden file in data/sysfs."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from counted_work import counted
from sysfs_trees import BOARDS, NAMES, look

from jetson_deploy.monitor.sample import Board
from jetson_deploy.monitor.sources.source import SourceError
from jetson_deploy.monitor.sources.sysfs import SysfsSource

GOLDEN = Path(__file__).parent / "data" / "sysfs"


@pytest.mark.parametrize("name", NAMES)
def test_a_captured_board_reads_as_its_golden_file_says(name: str) -> None:
    expected = msgspec.json.decode((GOLDEN / f"{name}.json").read_bytes(), type=Board)
    seen = look(BOARDS / name)
    for field in Board.__struct_fields__:
        assert getattr(seen, field) == getattr(expected, field), field


@pytest.mark.parametrize("name", NAMES)
def test_a_second_look_at_a_board_that_stands_still_says_the_same(name: str) -> None:
    source = SysfsSource(BOARDS / name, None)
    assert source.read() == source.read()


def test_this_machine_can_be_read_whatever_it_is() -> None:
    board = SysfsSource(Path("/"), None).read()
    assert board.cpus
    assert board.memory.total_bytes
    assert board.uptime_seconds
    assert board.boot_id


@pytest.mark.parametrize("below", ["empty", "absent", "a-file"])
def test_where_nothing_is_to_be_read_the_source_says_so_in_one_line(below: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "a-file").write_text("x")
    with pytest.raises(SourceError, match="neither /proc nor /sys") as caught:
        look(tmp_path / below)
    assert "\n" not in str(caught.value)


def test_a_look_is_cheap() -> None:
    """About 1,200 calls for Thor's 14 CPUs, 0.5 ms on an idle machine; the first look opens the files."""
    source = SysfsSource(BOARDS / "agx-thor-r38.4", None)
    source.read()
    with counted() as work:
        source.read()
    assert work.calls < 2_000
