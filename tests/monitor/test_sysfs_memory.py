"""/proc's tables of memory, and zram."""

from __future__ import annotations

from pathlib import Path

import pytest
from sysfs_trees import look, put

from jetson_deploy.monitor.board_parts import Memory, Paging, Pressure, Swap, Zram
from jetson_deploy.monitor.sources.sysfs.memory_files import parse_buddyinfo, parse_swaps

HEAD = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
BUDDY = [
    ("Node 0, zone      DMA      0      1      0\nNode 0, zone   Normal   4763   0   0   0\n", 8192),
    ("Node 0, zone   Normal      0      0      0      0      0      0      0      0      0      0    752 \n", 4 << 20),
    ("Node 0, zone      DMA      0      0      0\n", 0),
    ("Node 0, zone      DMA      0      x      0\n", None),
    ("Node 0, zone      DMA     -1     -1     -1\n", None),
    ("", None),
]
SWAPS = [
    (HEAD, ()),
    ("", None),
    ("garbage\n", None),
    (
        HEAD + "/dev/zram0\tpartition\t324576\t\t1024\t\t5\n/mnt/a\\040b\tfile\t\t100\t\t0\t\t-2\n",
        (
            Swap(device="/dev/zram0", kind="zram", total_bytes=324576 * 1024, used_bytes=1 << 20),
            Swap(device="/mnt/a b", kind="file", total_bytes=100 * 1024, used_bytes=0),
        ),
    ),
    (HEAD + "/dev/nvme0n1p2\tpartition\t100\t\t200\t\t-2\n", ()),
    (HEAD + "/dev/nvme0n1p2\tpartition\t-100\t\t-200\t\t-2\n", ()),
]


@pytest.mark.parametrize(("text", "expected"), BUDDY)
def test_the_largest_free_block_is_that_of_the_highest_order_with_a_page(text: str, expected: int | None) -> None:
    assert parse_buddyinfo(text.encode()) == expected


@pytest.mark.parametrize(("text", "expected"), SWAPS)
def test_swaps_are_read_or_unknown_or_none(text: str, expected: tuple[Swap, ...] | None) -> None:
    assert parse_swaps(text.encode()) == expected


def test_memory_that_contradicts_itself_is_unknown(tmp_path: Path) -> None:
    put(
        tmp_path,
        "proc/meminfo",
        "MemTotal: 100 kB\nMemFree: 50 kB\nMemAvailable: 101 kB\nCached: 99 kB\nBuffers: 2 kB\n",
    )
    assert look(tmp_path).memory == Memory(total_bytes=102400, free_bytes=51200)


def test_no_swap_at_all_is_told_from_swap_that_is_not_known(tmp_path: Path) -> None:
    put(tmp_path, "proc/meminfo", "MemTotal: 100 kB\nSwapTotal: 0 kB\n")
    assert look(tmp_path).swaps == ()
    put(tmp_path, "proc/meminfo", "MemTotal: 100 kB\nSwapTotal: 50 kB\n")
    assert look(tmp_path).swaps is None


def test_zram_counts_what_it_takes_of_memory(tmp_path: Path) -> None:
    put(
        tmp_path,
        "sys/block/zram0/mm_stat",
        "  409600   100000   131072        0   131072        0        0        0        0\n",
    )
    put(tmp_path, "sys/block/zram1/mm_stat", "409600\n")
    assert look(tmp_path).zrams == (Zram(device="zram0", original_bytes=409600, compressed_bytes=131072),)


def test_paging_counters_are_found_wherever_they_stand(tmp_path: Path) -> None:
    filling = "".join(f"nr_thing_{n} 7\n" for n in range(600))
    put(tmp_path, "proc/vmstat", f"{filling}pswpin 12\npswpout 34\npgpswpin 9\n{filling}oom_kill 1\n")
    assert look(tmp_path).paging == Paging(swapped_in_pages=12, swapped_out_pages=34, oom_kills=1)
    put(tmp_path, "proc/vmstat", "pswpin 12\npswpout x\n")
    assert look(tmp_path).paging == Paging(swapped_in_pages=12)


def test_pressure_is_a_ratio_and_the_cpus_full_line_is_undefined(tmp_path: Path) -> None:
    text = "some avg10=12.50 avg60=0.00 avg300=0.00 total=1\nfull avg10=100.00 avg60=0.00 avg300=0.00 total=1\n"
    put(tmp_path, "proc/pressure/cpu", text)
    put(tmp_path, "proc/pressure/memory", text)
    put(tmp_path, "proc/pressure/io", "some avg10=100.01 avg60=0.00 avg300=0.00 total=1\n")
    assert look(tmp_path).pressures == (
        Pressure(resource="cpu", kind="some", ratio=0.125),
        Pressure(resource="memory", kind="some", ratio=0.125),
        Pressure(resource="memory", kind="full", ratio=1.0),
    )
