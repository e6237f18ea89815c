"""Host patterns: what Ansible itself answers for the same groups is what we answer."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import pytest
from drawn import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from jetson_deploy.errors import UsageError
from jetson_deploy.fleet.device import Device, Inventory
from jetson_deploy.fleet.inventory.merging import with_groups
from jetson_deploy.fleet.inventory.pattern import select

CASES: dict[str, Any] = json.loads(Path(__file__).with_name("patterns.json").read_text())
GROUPS: dict[str, dict[str, list[str]]] = CASES["groups"]
WORDS = ["all", *GROUPS, "board01", "board04", "loose1", "board0*", "o*", "~board0[1-3]", "orin[0:1]", "outer[1]", "*5"]


@functools.cache
def ansible() -> Any:
    """Its own inventory, filled with the same groups."""
    from ansible.inventory.manager import InventoryManager  # type: ignore[import-untyped]
    from ansible.parsing.dataloader import DataLoader  # type: ignore[import-untyped]

    manager = InventoryManager(loader=DataLoader(), sources=[])
    data = manager._inventory
    for group in GROUPS:
        data.add_group(group)
    for group, entry in GROUPS.items():
        for host in entry.get("hosts", []):
            data.add_host(host, group)
        for child in entry.get("children", []):
            data.add_child(group, child)
    for host in CASES["alone"]:
        data.add_host(host)
    data.reconcile_inventory()
    return manager


@functools.cache
def ours() -> Inventory:
    """With groups and hosts in the order of Ansible's."""
    data = ansible()._inventory
    groups = {name: tuple(host.name for host in group.get_hosts()) for name, group in data.groups.items()}
    devices = tuple(Device(name=name) for name in data.hosts)
    return with_groups(Inventory(source="fleet.yaml", devices=devices, groups=groups))


def answers(pattern: str) -> set[str]:
    """What we take; nothing where we refuse."""
    try:
        return {device.name for device in select(ours(), (pattern,))}
    except UsageError:
        return set()


def of_ansible(pattern: str) -> set[str]:
    from ansible.errors import AnsibleError  # type: ignore[import-untyped]

    try:
        return {host.name for host in ansible().get_hosts(pattern)}
    except AnsibleError:
        return set()


@pytest.mark.parametrize("pattern", CASES["patterns"])
def test_a_pattern_means_what_it_means_to_ansible(pattern: str) -> None:
    assert answers(pattern) == of_ansible(pattern)


@given(st.lists(st.tuples(st.sampled_from(["", "&", "!"]), st.sampled_from(WORDS)), min_size=1, max_size=5))
@settings(max_examples=examples(200), deadline=None)
def test_any_combination_of_parts_means_what_it_means_to_ansible(parts: list[tuple[str, str]]) -> None:
    pattern = ",".join(sign + word for sign, word in parts)
    assert answers(pattern) == of_ansible(pattern)


def test_devices_come_in_the_order_of_the_pattern_each_once() -> None:
    assert [one.name for one in select(ours(), ("xavier", "board04,board01"))] == ["board04", "board05", "board01"]


@pytest.mark.parametrize(
    "pattern, problem, hint",
    [
        ("xavierr", "'xavierr' matches no device and no group of fleet.yaml", "did you mean xavier?"),
        ("all:!bord01", "'bord01' matches no device", "did you mean board01?"),
        ("all:&zzz", "'zzz' matches no device", "fleet inventory shows all names"),
        ("~(", "is no regular expression", "~REGEX"),
        ("~[", "has a bracket that is not closed", "~REGEX"),
        ("site-a:!node:2222", "'2222' matches no device", ""),
        ("orin:&", "'&' names nothing", "patterns:"),
        ("orin[9]", "asks for more than there is: 4 devices", "GROUP[0:2]"),
        ("orin:!orin", "no device is left", "fleet inventory"),
        ("!", "names nothing", "patterns:"),
        ("", "'' names nothing; `all` is every device", "patterns:"),
        (" , ", "names nothing; `all`", "patterns:"),
        ("a\x1b31m", "'a\\x1b31m' matches no device", ""),
    ],
)
def test_a_pattern_that_names_nothing_is_refused_with_the_nearest_name(pattern: str, problem: str, hint: str) -> None:
    with pytest.raises(UsageError) as raised:
        select(ours(), (pattern,))
    assert problem in raised.value.message
    assert hint in raised.value.hint


@given(st.text(max_size=30))
@settings(max_examples=examples(200), deadline=None)
def test_any_text_is_a_pattern_or_is_refused_in_one_line(text: str) -> None:
    try:
        select(ours(), (text,))
    except UsageError as error:
        assert error.message.isprintable()
