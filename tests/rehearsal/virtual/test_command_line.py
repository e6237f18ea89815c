"""qemu's command line: what a board is given, and that it reaches nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from wanted_board import wanted

from jetson_deploy.rehearsal.virtual.command_line import kernel_words, network, start_command, tree_command
from jetson_deploy.rehearsal.virtual.wanted import Disk


def after(argv: list[str], option: str) -> list[str]:
    return [argv[i + 1] for i, word in enumerate(argv[:-1]) if word == option]


def test_a_board_reaches_nothing_but_its_forwards() -> None:
    (said,) = after(start_command(wanted(forwards={5000: 15000}), Path("/b")), "-netdev")
    assert said.startswith("user,id=n,restrict=on,hostfwd=tcp:127.0.0.1:22001-:22,guestfwd=tcp:10.0.2.100:5000-cmd:")
    assert said.endswith("to_loopback.py 15000")
    assert said.count("guestfwd=") == 1


def test_a_board_without_forwards_reaches_nothing() -> None:
    assert network(wanted()) == "user,id=n,restrict=on,hostfwd=tcp:127.0.0.1:22001-:22"


def test_a_comma_in_a_path_does_not_end_a_value() -> None:
    argv = start_command(wanted(), Path("/a,b"))
    assert "unix:/a,,b/qmp,server=on,wait=off" in argv
    assert any(word.startswith("file=/a,,b/disk.qcow2,format=qcow2,") for word in argv)


@pytest.mark.parametrize("mib", [7700, 32000, 64000, 128000])
def test_memory_is_not_reserved_for_a_board_may_have_more_than_this_machine(mib: int) -> None:
    (said,) = after(start_command(wanted(memory_mib=mib), Path("/b")), "-object")
    assert said == f"memory-backend-ram,id=ram,size={mib}M,reserve=off"


def test_a_disk_that_is_missing_this_time_is_not_plugged_in() -> None:
    board = wanted(disks=[Disk(name="nvme"), Disk(name="data", kind="virtio")])
    there = " ".join(start_command(board, Path("/b")))
    missing = " ".join(start_command(board, Path("/b"), without=["nvme"]))
    assert "nvme,drive=nvme,serial=nvme" in there
    assert "nvme" not in missing
    assert "virtio-blk-pci,drive=data,serial=data" in missing


def test_the_tree_is_made_for_the_hardware_that_is_started() -> None:
    tree, start = tree_command(wanted(), Path("/b/virt.dtb")), start_command(wanted(), Path("/b"))
    for option in ("-cpu", "-smp", "-m", "-object"):
        assert after(tree, option) == after(start, option)


def test_apparmor_is_off_unless_it_is_asked_for() -> None:
    assert "apparmor=0" in kernel_words(wanted())
    assert "apparmor=0" not in kernel_words(wanted(append="apparmor=1 security=apparmor"))


def test_an_empty_clock_battery_says_the_same_at_every_start() -> None:
    argv = start_command(wanted(clock="1970-01-01T00:00:00"), Path("/b"))
    assert after(argv, "-rtc") == ["base=1970-01-01T00:00:00,clock=vm"]
    assert after(start_command(wanted(), Path("/b")), "-rtc") == []


def test_a_disk_that_forgets_is_behind_its_server() -> None:
    usual, forgets = (after(start_command(wanted(), Path("/a,b"), forgets=one), "-drive")[0] for one in (False, True))
    assert usual.startswith("file=/a,,b/disk.qcow2,format=qcow2,")
    assert forgets.startswith("file.driver=nbd,file.server.type=unix,file.server.path=/a,,b/forgetful,format=qcow2,")
