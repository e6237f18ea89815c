"""Inventories of Ansible: read by Ansible itself, and what of its answer is used, said and refused."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from jetson_deploy.errors import UsageError
from jetson_deploy.fleet.device import Device, Inventory
from jetson_deploy.fleet.inventory.ansible import cause
from jetson_deploy.fleet.inventory.ansible_hosts import inventory_of
from jetson_deploy.fleet.inventory.read import read_inventory

INI = """
[orin]
board[01:03] ansible_user=nvidia rack=a
[xavier]
x1 ansible_host=10.0.0.1 ansible_port=2222 ansible_ssh_private_key_file=~/.ssh/id
[lab:children]
orin
xavier
[lab:vars]
ansible_ssh_common_args='-o ProxyJump=jump'
ansible_become_password=hunter2
"""
SETTINGS = {"jetson_deploy": {"model": "7b", "gates": {"min_gpu_share": 0.5}}, "db_password": "hunter2"}


def answer(**hosts: Any) -> dict[str, Any]:
    return {"_meta": {"hostvars": hosts}, "all": {"children": ["ungrouped"]}, "ungrouped": {"hosts": list(hosts)}}


def device(**variables: Any) -> Device:
    return inventory_of(answer(a=variables), "hosts.ini", "").devices[0]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Inventory]:
    """A folder as Ansible has it: hosts, group_vars, host_vars."""
    folder = tmp_path_factory.mktemp("lab")
    (folder / "hosts").write_text(INI)
    for name, data in {"group_vars/orin.yml": SETTINGS, "host_vars/board02.yml": {"rack": "b"}}.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(json.dumps(data))
    return folder, read_inventory(str(folder))


def test_a_folder_with_group_and_host_variables_is_read_by_ansible(lab: tuple[Path, Inventory]) -> None:
    _, inventory = lab
    found = {one.name: one for one in inventory.devices}
    assert sorted(found) == ["board01", "board02", "board03", "x1"]
    assert found["board01"].settings == SETTINGS["jetson_deploy"]
    assert (found["board01"].user, found["board01"].groups) == ("nvidia", ("lab", "orin"))
    assert [found[name].variables for name in ("board01", "board02", "x1")] == [{"rack": "a"}, {"rack": "b"}, {}]
    assert (found["x1"].address, found["x1"].port, found["x1"].identity_file) == ("10.0.0.1", 2222, "~/.ssh/id")
    assert inventory.groups["orin"] == ("board01", "board02", "board03")
    assert inventory.groups["lab"] == ("board01", "board02", "board03", "x1")


def test_what_ansible_would_use_and_we_do_not_is_said(lab: tuple[Path, Inventory]) -> None:
    assert lab[1].notes == (
        "'ansible_become_password' (4 devices) is not used; --sudo-password-file is",
        "'ansible_ssh_common_args' (4 devices) is not used; ~/.ssh/config is",
    )


def test_no_secret_of_an_inventory_is_in_what_was_read(lab: tuple[Path, Inventory]) -> None:
    assert "hunter2" not in repr(lab[1])


def test_the_devices_stand_in_the_order_of_ansible(lab: tuple[Path, Inventory]) -> None:
    from ansible.inventory.manager import InventoryManager  # type: ignore[import-untyped]
    from ansible.parsing.dataloader import DataLoader  # type: ignore[import-untyped]

    manager = InventoryManager(loader=DataLoader(), sources=[str(lab[0] / "hosts")])
    assert [one.name for one in lab[1].devices] == [host.name for host in manager.get_hosts("all")]


def test_broken_yaml_is_refused_with_ansibles_own_warning(tmp_path: Path) -> None:
    """Ansible itself warns, finds no host, and exits with 0."""
    file = tmp_path / "site.yml"
    file.write_text("all:\n  hosts: [\n")
    with pytest.raises(UsageError) as raised:
        read_inventory(str(file))
    assert "YAML parsing failed" in raised.value.message
    assert raised.value.code == "inventory-unreadable"


def test_an_inventory_that_is_a_program_is_refused_and_not_run(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    file = tmp_path / "inventory.yml"
    file.write_text(f"#!/bin/sh\ntouch {ran}\n# all:\n")
    file.chmod(0o755)
    (tmp_path / "group_vars").mkdir()
    for named in (tmp_path, file):
        with pytest.raises(UsageError):
            read_inventory(str(named))
    with pytest.raises(UsageError, match="is executable: Ansible would run it"):
        read_inventory(str(tmp_path))
    assert not ran.exists()


def test_a_plugin_is_not_asked(tmp_path: Path) -> None:
    file = tmp_path / "cloud.ini"
    file.write_text("plugin: ansible.builtin.generator\n")
    with pytest.raises(UsageError, match=r"cloud\.ini: Failed to parse"):
        read_inventory(str(file))


def test_without_ansible_the_hint_names_what_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hosts").write_text("a\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(UsageError) as raised:
        read_inventory(str(tmp_path / "hosts"))
    assert raised.value.code == "ansible-missing"
    assert "fleet inventory --example" in raised.value.hint


KINDS = [
    ("fleet.yaml", "hosts:\n  a:\n", False),
    ("site.yaml", "hosts:\n  a:\ngroups:\n  all:\n", False),
    ("site.yaml", "all:\n  hosts:\n    a:\n", True),
    ("fleet.yaml", "all:\n  hosts:\n    a:\n", True),
    ("site.yml", "lab:\n  hosts:\n    a:\n", True),
    ("site.yml", "all: {hosts: {a: }}\n", True),
    ("hosts", "a\n", True),
    ("hosts.ini", "[g]\na\n", True),
]


@pytest.mark.parametrize("name, text, of_ansible", KINDS)
def test_an_inventory_is_told_apart_by_its_keys(
    name: str, text: str, of_ansible: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ansible is not asked: that it is missing is said."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    (tmp_path / name).write_text(text)
    try:
        found = not read_inventory(str(tmp_path / name)).devices
    except UsageError as error:
        found = error.code == "ansible-missing"
    assert found == of_ansible


REFUSED = [
    ({"ansible_host": "{{ ip }}"}, "ansible_host of a is a template"),
    ({"jetson_deploy": {"model": "{{ m }}"}}, "jetson_deploy of a is a template"),
    ({"jetson_deploy": {"mirrors": ["{% x %}"]}}, "jetson_deploy of a is a template"),
    ({"ansible_user": {"__ansible_vault": "$ANSIBLE_VAULT;1.1"}}, "ansible_user of a is encrypted (vault)"),
    ({"jetson_deploy": {"contxt": 1}}, "contxt: unknown key (settings of device a, variable jetson_deploy)"),
    ({"jetson_deploy": 4}, "jetson_deploy of a must be a map"),
    ({"jetson_deploy_environment": {"PATH": "x"}}, "'PATH' is not passed on"),
    ({"jetson_deploy_environment": [1]}, "must be a map of texts"),
    ({"ansible_port": "x"}, "ansible_port of a is no port"),
    ({"ansible_port": 70000}, "ansible_port of a is no port"),
    ({"ansible_host": "-oProxyCommand=x"}, "cannot be the name of a device"),
    ({"ansible_user": "-x"}, "cannot be a login"),
    ({"ansible_ssh_private_key_file": "a\nb"}, "is no text of one line"),
    ({"ansible_ssh_private_key_file": ["a"]}, "is no text of one line"),
]


@pytest.mark.parametrize("variables, problem", REFUSED)
def test_what_is_used_and_cannot_be_is_refused(variables: dict[str, Any], problem: str) -> None:
    with pytest.raises(UsageError) as raised:
        device(**variables)
    assert problem in raised.value.message
    assert raised.value.message.startswith("hosts.ini: ")


def test_a_port_may_be_written_as_text_and_the_older_names_count() -> None:
    found = device(ansible_ssh_port="2222", ansible_ssh_host="h", ansible_ssh_user="u")
    assert (found.port, found.address, found.user) == (2222, "h", "u")


def test_of_other_variables_the_short_plain_ones_are_kept() -> None:
    found = device(
        rack="a", slot=3, spare=False, ansible_x="y", site="{{ x }}", key="-----BEGIN X", notes="x" * 300, more=[1],
        url="http://u:p@h", api_token="t", sealed={"__ansible_vault": "x"}, line="a\nb",
    )  # fmt: skip
    assert found.variables == {"rack": "a", "slot": 3, "spare": False}


def test_settings_and_environment_come_from_variables_of_our_own() -> None:
    found = device(jetson_deploy={"port": 12000}, jetson_deploy_environment={"DOCKER_HOST": "unix:///run/x.sock"})
    assert found.settings == {"port": 12000}
    assert found.environment == {"DOCKER_HOST": "unix:///run/x.sock"}


def test_the_rollout_is_a_variable_of_all_hosts() -> None:
    rollout = {"sequence": [{"selector": "a", "soak": "10m"}, {"limit": "25%"}], "success_threshold": "90%"}
    given = {"jetson_deploy_rollout": rollout}
    assert inventory_of(answer(a=given, b=given), "hosts", "").rollout == rollout
    assert inventory_of(answer(a={}, b={}), "hosts", "").rollout == {}


@pytest.mark.parametrize(
    "first, second, problem",
    [
        ({"soak": "1m"}, None, "of a is not that of b: it belongs in group_vars/all"),
        (None, {"soak": "1m"}, "of a is not that of b: it belongs in group_vars/all"),
        ({"soak": "1m"}, {"soak": "2m"}, "of a is not that of b: it belongs in group_vars/all"),
        ([1], [1], "must be a map"),
        ({"soak": "{{ x }}"}, {"soak": "{{ x }}"}, "is a template"),
    ],
)
def test_a_rollout_that_is_not_one_for_all_is_refused(first: Any, second: Any, problem: str) -> None:
    given = [{} if one is None else {"jetson_deploy_rollout": one} for one in (first, second)]
    with pytest.raises(UsageError) as raised:
        inventory_of(answer(a=given[0], b=given[1]), "hosts.ini", "")
    assert problem in raised.value.message


def test_what_is_not_reached_over_ssh_is_left_out_and_said() -> None:
    inventory = inventory_of(answer(localhost={"ansible_connection": "local"}, a={}), "hosts", "")
    assert [one.name for one in inventory.devices] == ["a"]
    assert inventory.groups["all"] == ("a",)
    assert inventory.notes == ("'localhost' is left out: its connection is 'local'",)


@pytest.mark.parametrize(
    "given, problem",
    [
        ({"all": {"children": ["ungrouped"]}}, "Ansible finds no host in it. why"),
        (answer(a={"ansible_connection": "local"}), "another connection than ssh"),
        ({"all": 5}, "gave another answer"),
        ([], "gave another answer"),
        ({"all": {"hosts": ["-a"]}}, "cannot be the name of a device"),
        ({"all": {"hosts": ["a"]}, "-g": {"hosts": ["a"]}}, "cannot be the name of a group"),
    ],
)
def test_an_answer_without_devices_is_refused(given: Any, problem: str) -> None:
    with pytest.raises(UsageError) as raised:
        inventory_of(given, "hosts", "why")
    assert problem in raised.value.message


def test_the_cause_is_what_a_plugin_says_without_which_plugin_it_was() -> None:
    said = "[WARNING]: Failed to parse inventory with 'auto' plugin: YAML parsing failed: x\n\n[WARNING]: more\n"
    assert cause(said) == "YAML parsing failed: x"
    assert cause("[ERROR]: Attempting to decrypt but no vault secrets found.\n") == (
        "Attempting to decrypt but no vault secrets found."
    )
    assert cause("") == ""
