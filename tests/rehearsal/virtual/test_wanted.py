"""What a board is, in its directory; names that are none; and what there is not."""

from __future__ import annotations

from pathlib import Path

import pytest
from wanted_board import wanted

from jetson_deploy.errors import PreflightError, UsageError
from jetson_deploy.rehearsal.virtual.machine import Machine, machines
from jetson_deploy.rehearsal.virtual.mem_total import machine_mib
from jetson_deploy.rehearsal.virtual.own_files import own_files
from jetson_deploy.rehearsal.virtual.shell import Shell
from jetson_deploy.rehearsal.virtual.tree import strings
from jetson_deploy.rehearsal.virtual.wanted import FILE, Disk, check_name, read_wanted


def test_a_board_is_read_as_it_was_written(tmp_path: Path) -> None:
    board = wanted(forwards={5000: 15000}, disks=[Disk(name="nvme")], clock="1970-01-01T00:00:00")
    board.write(tmp_path)
    assert read_wanted(tmp_path) == board


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a/b", "..", "a b", "a,b", "a\n", "é", "a" * 33, "--help"])
def test_a_name_that_is_no_host_name_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="is no name for a board"):
        check_name(name)


@pytest.mark.parametrize("text", [None, "", "{}", '{"name": 1}', '{"unknown": true}'])
def test_a_directory_without_a_board_is_said(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / FILE).write_text(text)
    with pytest.raises(PreflightError) as raised:
        Machine(tmp_path)
    assert raised.value.code == "no-virtual-board"


def test_only_boards_are_listed(tmp_path: Path) -> None:
    for name in ("a1", "b2"):
        (tmp_path / name).mkdir()
    wanted().write(tmp_path / "a1")
    (tmp_path / ".c3.new").mkdir()
    wanted().write(tmp_path / ".c3.new")
    assert [board.wanted.name for board in machines(tmp_path)] == ["a1"]
    assert not machines(tmp_path)[0].runs


def test_the_root_of_the_tree_says_the_boards_strings() -> None:
    said = strings(wanted(model="Jetson", compatible=["nvidia,a", "nvidia,b"], serial="142"))
    assert said == {"model": ["Jetson"], "compatible": ["nvidia,a", "nvidia,b"], "serial-number": ["142"]}


def test_each_board_has_its_own_name_machine_id_and_host_key(tmp_path: Path) -> None:
    made = []
    for name in ("a1", "b2"):
        (tmp_path / name).mkdir()
        shell = Shell(tmp_path / name, name, 22001)
        shell.make_keys()
        made.append(own_files(wanted(name=name), shell))
    for key in ("etc/hostname", "etc/machine-id", "etc/ssh/ssh_host_ed25519_key", "root/.ssh/authorized_keys"):
        assert made[0][key].content != made[1][key].content
    assert made[0]["etc/ssh/ssh_host_ed25519_key"].mode == 0o600
    assert b"127.0.1.1 a1\n" in made[0]["etc/hosts"].content


def test_the_host_key_is_known_before_the_board_boots(tmp_path: Path) -> None:
    shell = Shell(tmp_path, "a1", 22001)
    shell.make_keys()
    public = shell.host_key.with_name("host.pub").read_text().split()[1]
    assert shell.known_hosts.read_text() == f"a1 ssh-ed25519 {public}\n"
    assert "StrictHostKeyChecking=yes" in shell.command("true")


@pytest.mark.parametrize("gib", [2, 4, 8, 16, 32, 64, 128])
def test_a_machine_has_more_than_its_kernel_says(gib: int) -> None:
    assert gib * 1024 < machine_mib(gib << 20) < gib * 1024 * 1.06 + 90
