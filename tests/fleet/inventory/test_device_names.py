"""Names of devices: ranges as Ansible counts them, and what may be no name."""

from __future__ import annotations

import pytest
from ansible.plugins.inventory import expand_hostname_range  # type: ignore[import-untyped]

from jetson_deploy.errors import UsageError
from jetson_deploy.fleet.inventory.device_names import check_group_name, expanded
from jetson_deploy.fleet.inventory.typed import typed_inventory


@pytest.mark.parametrize(
    "text",
    [
        *("board[01:20]", "board[1:12]", "board[8:11]-[a:c]", "n[0:10:3]", "r[a:f]", "r[x:C]", "[1:3].example.com"),
        *("b[001:100:50]x[1:2]", "10.0.0.[1:9]", "board[5:5]"),
    ],
)
def test_a_range_is_counted_as_ansible_counts_it(text: str) -> None:
    assert list(expanded(text)) == expand_hostname_range(text)


@pytest.mark.parametrize(
    "text, problem",
    [
        ("board[01:3]", "not written equally long"),
        ("board[9:1]", "ends before it begins"),
        ("board[a:9]", "cannot be counted"),
        ("board[1:9:0]", "cannot be counted"),
        ("board[1:99999]", "more than 10000"),
        ("b[1:200][1:200]", "more than 10000"),
        ("board[1:9999999999]", "very long numbers"),
        ("board[1:", "cannot be the name of a device"),
        ("-oProxyCommand=id", "cannot be the name of a device"),
        ("board 1", "cannot be the name of a device"),
        ("b\x1b[31m", "'b\\x1b[31m' cannot be"),
        ("a\nb", "'a\\nb' cannot be"),
        ("../etc", "cannot be the name of a device"),
        ("b" * 300, "cannot be the name of a device"),
        ("böard", "cannot be the name of a device"),
        ("{{ x }}", "cannot be the name of a device"),
    ],
)
def test_what_cannot_be_a_device_is_refused_in_one_line(text: str, problem: str) -> None:
    with pytest.raises(UsageError) as raised:
        expanded(text)
    assert problem in raised.value.message
    assert raised.value.message.isprintable()


def test_a_group_has_a_name_without_signs() -> None:
    assert check_group_name("site-a.lab_1") == "site-a.lab_1"
    with pytest.raises(UsageError, match="cannot be the name of a group"):
        check_group_name("-all")


TYPED = [
    ("board1", "board1", None, None, None),
    ("nvidia@board1", "board1", None, "nvidia", None),
    ("nvidia@10.0.0.7:2222", "10.0.0.7:2222", "10.0.0.7", "nvidia", 2222),
    ("fe80::1", "fe80::1", None, None, None),
    ("root@[fe80::1]", "fe80::1", None, "root", None),
    ("[fe80::1]:2222", "fe80::1:2222", "fe80::1", None, 2222),
]


@pytest.mark.parametrize("text, name, address, user, port", TYPED)
def test_a_typed_device_may_bring_login_and_port(
    text: str, name: str, address: str | None, user: str | None, port: int | None
) -> None:
    (device,) = typed_inventory([text]).devices
    assert (device.name, device.address, device.user, device.port) == (name, address, user, port)


def test_two_boards_behind_one_address_are_two_devices() -> None:
    inventory = typed_inventory(["10.0.0.7:2201", "10.0.0.7:2202", "b[1:2]", ""])
    assert [one.name for one in inventory.devices] == ["10.0.0.7:2201", "10.0.0.7:2202", "b1", "b2"]
    assert inventory.groups["ungrouped"] == inventory.groups["all"]


@pytest.mark.parametrize(
    "texts, problem",
    [
        ([""], "no device is typed"),
        (["a", "b", "a"], "'a' is typed twice"),
        (["b1", "b[1:2]"], "'b1' is typed twice"),
        (["-a@b"], "cannot be a login"),
        (["b:99999"], "names no port"),
        (["b:0"], "names no port"),
        (["@b"], "cannot be a login"),
    ],
)
def test_what_cannot_be_reached_is_refused(texts: list[str], problem: str) -> None:
    with pytest.raises(UsageError) as raised:
        typed_inventory(texts)
    assert problem in raised.value.message
