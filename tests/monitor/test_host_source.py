"""psutil: which interfaces and disks count, and who is large."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from jetson_deploy.monitor.board_parts import Process, Traffic
from jetson_deploy.monitor.sample import Board
from jetson_deploy.monitor.sources.host import HostSource, open_host


class Machine:
    """As psutil. `processes`: pid → name, CPU seconds, resident bytes, start; None for what may not be read."""

    def __init__(self, processes: dict[int, tuple[str | None, float | None, int | None, float]] | None = None) -> None:
        self.processes = processes or {}
        self.looks = 0
        self.failure: Exception | None = None
        self.interfaces = ["eth0", "wlan0", "lo", "veth12ab", "docker0", "br-5f"]
        self.disks = [
            "mmcblk0", "mmcblk0p1", "mmcblk0boot0", "nvme0n1", "nvme0n1p1", "sda", "sda1", "zram0", "loop3", "dm-0",
        ]  # fmt: skip

    def net_io_counters(self, *, pernic: bool) -> dict[str, Any]:
        self._fail()
        return {name: SimpleNamespace(bytes_recv=1, bytes_sent=2) for name in self.interfaces if pernic}

    def disk_io_counters(self, *, perdisk: bool) -> dict[str, Any]:
        self._fail()
        return {name: SimpleNamespace(read_bytes=3, write_bytes=4) for name in self.disks if perdisk}

    def process_iter(self, wanted: list[str]) -> Iterator[Any]:
        self._fail()
        self.looks += 1
        for pid, (name, seconds, resident, start) in self.processes.items():
            times = None if seconds is None else SimpleNamespace(user=seconds, system=0.0)
            memory = None if resident is None else SimpleNamespace(rss=resident)
            info = {"pid": pid, "name": name, "cpu_times": times, "memory_info": memory, "create_time": start}
            yield SimpleNamespace(info={key: info[key] for key in wanted})

    def _fail(self) -> None:
        if self.failure:
            raise self.failure


def test_real_interfaces_and_whole_disks_count_once() -> None:
    traffic = HostSource(Machine(), processes=False).read().traffic
    assert [one.name for one in traffic] == ["eth0", "wlan0", "mmcblk0", "nvme0n1", "sda"]
    assert traffic[0] == Traffic(name="eth0", kind="network", in_bytes=1, out_bytes=2)
    assert traffic[-1] == Traffic(name="sda", kind="disk", in_bytes=3, out_bytes=4)


def test_processes_that_nobody_asked_for_are_not_looked_at() -> None:
    machine = Machine({1: ("init", 1.0, 1, 0.0)})
    assert HostSource(machine, processes=False).read().processes is None
    assert machine.looks == 0


@pytest.mark.parametrize("failure", [OSError("gone"), RuntimeError("no disks"), NotImplementedError()])
def test_what_cannot_be_read_is_left_out(failure: Exception) -> None:
    machine = Machine()
    machine.failure = failure
    assert HostSource(machine, processes=True).read() == Board()


def test_the_eight_largest_are_the_busiest_and_those_with_most_memory_every_five_seconds() -> None:
    machine = Machine({pid: (f"p{pid}", 10.0, pid * 100, 0.0) for pid in range(1, 21)})
    now = [0.0]
    source = HostSource(machine, processes=True, clock=lambda: now[0])
    first = source.read().processes
    assert first is not None
    assert [one.pid for one in first] == [20, 19, 18, 17, 16, 15, 14, 13]
    assert {one.cores for one in first} == {None}, "nothing to compare with yet"
    now[0] = 4.9
    source.read()
    assert machine.looks == 1
    now[0] = 5.0
    machine.processes |= {1: ("busy", 20.0, 100, 0.0), 2: ("p2", 12.5, 200, 0.0), 3: ("other", 99.0, 300, 4.0)}
    assert source.read().processes == (
        Process(pid=1, name="busy", cores=2.0, resident_bytes=100),
        Process(pid=2, name="p2", cores=0.5, resident_bytes=200),
        *(Process(pid=pid, name=f"p{pid}", cores=0.0, resident_bytes=pid * 100) for pid in range(20, 14, -1)),
    ), "pid 3 was given to another process in between: its CPU seconds are not comparable"
    assert machine.looks == 2


@pytest.mark.parametrize(
    ("name", "shown"),
    [("\x1b[2Jevil\n", "?[2Jevil"), ("x" * 99, "x" * 40), ("", "pid 7"), (None, "pid 7"), ("größer", "größer")],
)
def test_names_are_cut_and_printable(name: str | None, shown: str) -> None:
    processes = HostSource(Machine({7: (name, None, 5, 0.0)}), processes=True).read().processes
    assert processes == (Process(pid=7, name=shown, resident_bytes=5),)


def test_what_may_not_be_read_and_kernel_threads_are_not_among_the_largest() -> None:
    machine = Machine({7: ("secret", None, None, 0.0), 8: ("kthreadd", 0.0, 0, 0.0)})
    assert HostSource(machine, processes=True).read().processes == ()


def test_this_very_machine_is_read() -> None:
    source = open_host(processes=True)
    board = source.read()
    assert board.processes and all(one.pid > 0 and one.resident_bytes for one in board.processes)
    assert len(board.processes) <= 8
    source.close()
