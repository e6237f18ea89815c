"""What a run of rehearsed boards is laid out as, without starting one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jetson_deploy.errors import UsageError
from jetson_deploy.rehearsal.board import find_board
from jetson_deploy.rehearsal.fleet.boot import captured_binds, init_script
from jetson_deploy.rehearsal.fleet.hierarchies import hierarchies, mounts
from jetson_deploy.rehearsal.fleet.holder import network
from jetson_deploy.rehearsal.fleet.layer import common, own
from jetson_deploy.rehearsal.fleet.layout import Layout, places
from jetson_deploy.rehearsal.fleet.reach import inventory, known_hosts
from jetson_deploy.rehearsal.fleet.units import manager

LAYOUT = Layout(id="0a0b0c0d", directory=Path("/var/tmp/jd-0a0b0c0d"))
CAPTURED = find_board("orin-nano-8gb-jp6.2")


def test_each_board_has_a_name_an_address_and_a_cable_of_its_own() -> None:
    every = places(LAYOUT, 250)
    for of in ("name", "address", "link", "namespace", "cgroup"):
        assert len({getattr(place, of) for place in every}) == 250


@pytest.mark.parametrize("count", [0, -1, 251])
def test_a_number_of_boards_without_addresses_is_refused(count: int) -> None:
    with pytest.raises(UsageError, match=str(count)):
        places(LAYOUT, count)


def test_the_network_has_a_bridge_and_a_cable_to_each_board() -> None:
    lines = network(places(LAYOUT, 2)).splitlines()
    assert "link add br0 type bridge" in lines
    assert [line for line in lines if "peer name eth0" in line] == [
        f"link add v{n} master br0 type veth peer name eth0 netns b{n}" for n in (1, 2)
    ]


def test_the_captured_root_and_a_way_in_lie_on_every_board() -> None:
    files = common(CAPTURED, "ssh-ed25519 AAAA\n", {"JETSON_DEPLOY_REHEARSAL": 'a "board"'}, tool=True)
    assert files["etc/nv_tegra_release"].content == (CAPTURED / "etc/nv_tegra_release").read_bytes()
    assert files["etc/ssh/authorized_keys"].content == b"ssh-ed25519 AAAA\n"
    linked = files["usr/local/bin/jetson-deploy"]
    assert linked.link and files[linked.content.decode().removeprefix("/")].mode == 0o755
    assert b"echo aarch64" in files["usr/local/bin/uname"].content
    assert not any(name.startswith(("proc/", "sys/", "recorded/")) for name in files)


def test_a_board_may_be_without_the_tool() -> None:
    assert "usr/local/bin/jetson-deploy" not in common(CAPTURED, "", {}, tool=False)


def test_a_host_key_is_readable_by_root_alone() -> None:
    assert own(places(LAYOUT, 1)[0], b"key")["etc/ssh/ssh_host_ed25519_key"].mode == 0o600


def test_device_tree_and_memory_are_bound_over_the_machines_own() -> None:
    assert [line.split()[-1] for line in captured_binds(CAPTURED).splitlines()] == [
        "$root/sys/firmware",
        "$root/proc/meminfo",
    ]


def test_a_boards_first_script_names_its_own_places() -> None:
    place = places(LAYOUT, 7)[6]
    text = init_script(place, CAPTURED, cgroup=":")
    assert f"hostname {place.name}\n" in text
    assert "upperdir=$here/u,workdir=$here/w overlay $root\n" in text
    assert f"addr replace {place.address}/16 dev eth0\n" in text


def test_the_controller_finds_address_key_and_environment_in_the_inventory() -> None:
    document = json.loads(inventory(LAYOUT, places(LAYOUT, 2), {"JETSON_DEPLOY_REHEARSAL": "x"}))
    assert document["hosts"] == {"board-01": {"address": "10.77.1.1"}, "board-02": {"address": "10.77.1.2"}}
    assert document["groups"]["all"]["environment"] == {"JETSON_DEPLOY_REHEARSAL": "x"}


def test_a_known_host_is_an_address_a_name_and_a_key_without_its_comment() -> None:
    place = places(LAYOUT, 1)[0]
    assert known_hosts([place], {place.name: "ssh-ed25519 AAAA who@where\n"}) == "10.77.1.1,board-01 ssh-ed25519 AAAA\n"


def test_what_systemd_would_take_for_a_specifier_is_escaped() -> None:
    assert 'DefaultEnvironment="A=50%% \\"x\\" \\\\"\n' in manager({"A": '50% "x" \\'})


def test_a_board_has_a_group_in_the_one_hierarchy_of_version_2(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").touch()
    found = hierarchies(tmp_path, "0::/user.slice/session-1.scope\n")
    assert [one.base for one in found] == [tmp_path]
    assert "mount -t cgroup2" in mounts(found)


def test_a_board_has_a_group_in_every_hierarchy_of_version_1_below_that_of_this_process(tmp_path: Path) -> None:
    for name in ("systemd", "memory", "unified"):
        (tmp_path / name).mkdir()
    found = hierarchies(tmp_path, "9:name=systemd:/\n4:memory:/a/b\n3:cpuset:/\n0::/\n")
    assert [one.base for one in found] == [
        tmp_path / "systemd",
        tmp_path / "memory" / "a" / "b",
        tmp_path / "unified",
    ]
    assert [line.split(" -t ")[1].split(" $root")[0] for line in mounts(found).splitlines()] == [
        "cgroup -o none,name=systemd cgroup",
        "cgroup -o memory cgroup",
        "cgroup2 cgroup2",
    ]
