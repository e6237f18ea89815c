"""`fleet.yaml`: what is read, what is refused and how, and that the example is the schema."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from drawn import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from jetson_deploy.catalog.reader import read_yaml
from jetson_deploy.deployment.options import OPTIONS
from jetson_deploy.errors import UsageError
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.inventory.ansible_hosts import inventory_of
from jetson_deploy.fleet.inventory.checked import PROXIES, known_variables, looks_secret, named_secret
from jetson_deploy.fleet.inventory.entries import FleetFile, GroupEntry, HostEntry
from jetson_deploy.fleet.inventory.fleet_file import example_text, read_fleet_file
from jetson_deploy.fleet.inventory.read import read_inventory
from jetson_deploy.fleet.rollout.sequence import BatchRule, Budget, Rules, rules

FILE = Path("fleet.yaml")
LONG = "x" * 500

REFUSED = [
    ("", "fleet.yaml names no device", "--example"),
    ("hosts:\n", "fleet.yaml:1: hosts: must be a map", "--example"),
    ("hosts: {}\n", "fleet.yaml names no device", "--example"),
    ("host:\n  a:\n", "fleet.yaml:1: host: unknown key", "did you mean hosts?"),
    ("hosts:\n  a:\n    adress: b\n", "fleet.yaml:3: hosts.a.adress: unknown key", "did you mean address?"),
    ("hosts:\n  a: {port: 0}\n", "hosts.a.port: must be a whole number >= 1", "--example"),
    ("hosts:\n  a: {port: 70000}\n", "hosts.a.port: must be a whole number <= 65535", ""),
    ("hosts:\n  -a:\n", "cannot be the name of a device", "no dash"),
    ('hosts:\n  "a\\x1b[2J":\n', "cannot be the name of a device", ""),
    ('hosts:\n  "a\\nb":\n', "cannot be the name of a device", ""),
    ("hosts:\n  5: {}\n", "hosts.5: the key must be text", 'put it in quotes: "5"'),
    ("hosts:\n  a:\n  a:\n", "the key a twice", "keep one"),
    ("hosts:\n  a1:\n  a[1:2]:\n", "fleet.yaml:3: hosts.a[1:2]: the device a1 twice", "keep one"),
    ("hosts:\n  a: {user: -x}\n", "hosts.a.user: '-x' cannot be a login", ""),
    ("hosts:\n  a: {address: -oProxyCommand=x}\n", "hosts.a.address: '-oProxyCommand=x' cannot be", ""),
    ('hosts:\n  a: {identity_file: "a\\nb"}\n', "hosts.a.identity_file: is not a file's name", ""),
    ("hosts:\n  a:\ngroups:\n  g: {hosts: [b]}\n", "fleet.yaml:4: groups.g.hosts.0: there is no device b", "valid: a"),
    ("hosts:\n  board1:\ngroups:\n  g: {hosts: [bord1]}\n", "there is no device bord1", "did you mean board1?"),
    ("hosts:\n  a:\ngroups:\n  g: {hosts: [a, a]}\n", "groups.g.hosts.1: the device a twice", "keep one"),
    ("hosts:\n  a:\ngroups:\n  orin:\n  g: {children: [orn]}\n", "there is no group orn", "did you mean orin?"),
    ("hosts:\n  a:\ngroups:\n  a:\n", "groups.a: is the name of a device too", "rename"),
    ("hosts:\n  a:\ngroups:\n  -g:\n", "cannot be the name of a group", ""),
    ("hosts:\n  a:\ngroups:\n  ungrouped:\n", "groups.ungrouped: has its devices already", ""),
    ("hosts:\n  a:\ngroups:\n  all: {hosts: [a]}\n", "groups.all: has its devices already", ""),
    ("hosts:\n  a:\ngroups:\n  g: {children: [g]}\n", "a circle of groups: g → g", "take one out"),
    (
        "hosts:\n  a:\ngroups:\n  g: {children: [h]}\n  h: {children: [i]}\n  i: {children: [g]}\n",
        "groups.g.children: a circle of groups: g → h → i → g",
        "take one out",
    ),
    (
        "hosts:\n  a:\n    settings: {contxt: 1}\n",
        "fleet.yaml:3: contxt: unknown key (settings of device a)",
        "did you mean context?",
    ),
    (
        "hosts:\n  a:\ngroups:\n  g:\n    settings:\n      gates:\n        min_gpu_share: 95\n",
        "fleet.yaml:7: gates.min_gpu_share: must be a number <= 1.0 (settings of group g)",
        "",
    ),
    ("hosts:\n  a:\n    settings: {model: a b}\n", "fleet.yaml:3: model:", ""),
    (
        "hosts:\n  a:\n    environment:\n      JETSON_DEPLOY_REGISTY: x\n",
        "environment of device a: 'JETSON_DEPLOY_REGISTY' is not passed on",
        "did you mean JETSON_DEPLOY_REGISTRY?",
    ),
    ("hosts:\n  a: {environment: {LD_PRELOAD: x}}\n", "'LD_PRELOAD' is not passed on", "valid: "),
    ("hosts:\n  a: {environment: {HTTP_PROXY: 'http://u:p@h'}}\n", "looks like it holds a secret", "CREDENTIALS"),
    ("hosts:\n  a: {environment: {JETSON_DEPLOY_PORT: 5}}\n", "must be text", 'put it in quotes: "5"'),
    ("hosts:\n  a: {environment: {JETSON_DEPLOY_PORT: '5'}}\n", "JETSON_DEPLOY_PORT='5' is not a number", "unset"),
    ('hosts:\n  a: {environment: {DOCKER_HOST: "a\\nb"}}\n', "DOCKER_HOST holds control characters", "one line"),
    ("hosts:\n  a:\n    variables:\n      db_password: x\n", "fleet.yaml:4: the variable 'db_password'", "recorded"),
    (f"hosts:\n  {LONG}:\n", "cannot be the name of a device", ""),
    ("hosts:\n  a[1:99999]:\n", "names more than 10000 devices", ""),
]


def read(text: str) -> dict[str, Device]:
    return {device.name: device for device in read_fleet_file(FILE, text.encode()).devices}


@pytest.mark.parametrize("text, problem, hint", REFUSED)
def test_what_is_wrong_is_refused_with_its_place_and_the_nearest_name(text: str, problem: str, hint: str) -> None:
    with pytest.raises(UsageError) as raised:
        read(text)
    assert problem in raised.value.message
    assert hint in raised.value.hint
    assert raised.value.message.isprintable()
    assert raised.value.exit_code == 2


def test_a_device_has_the_word_of_itself_then_of_the_inner_group_then_of_the_outer() -> None:
    devices = read(
        """
hosts:
  a: {settings: {context: 1024}, variables: {rack: own}, user: own}
  b:
  c:
groups:
  all: {settings: {context: 4096, model: "7b", gates: {accept_cpu: true}}, port: 22, environment: {http_proxy: x}}
  outer: {children: [inner], settings: {context: 512}, variables: {rack: outer, site: s}, user: outer}
  inner: {hosts: [a, b], settings: {context: 2048, gates: {min_gpu_share: 0.5}}, port: 2222}
"""
    )
    assert devices["a"].settings == {
        "context": 1024,
        "model": "7b",
        "gates": {"accept_cpu": True, "min_gpu_share": 0.5},
    }
    assert (devices["b"].settings["context"], devices["c"].settings["context"]) == (2048, 4096)
    assert [devices[name].user for name in "abc"] == ["own", "outer", None]
    assert [devices[name].port for name in "abc"] == [2222, 2222, 22]
    assert (devices["a"].variables, devices["b"].variables) == (
        {"rack": "own", "site": "s"},
        {"rack": "outer", "site": "s"},
    )
    assert devices["a"].groups == ("inner", "outer")
    assert devices["c"].environment == {"http_proxy": "x"}


def test_of_two_groups_side_by_side_the_later_name_wins_as_in_ansible() -> None:
    text = "hosts:\n  a:\ngroups:\n  z: {hosts: [a], user: z}\n  b: {hosts: [a], user: b}\n"
    assert read(text)["a"].user == "z"


def test_groups_have_their_devices_in_the_order_of_the_inventory() -> None:
    text = "hosts:\n  b:\n  a:\n  c:\ngroups:\n  g: {hosts: [a, b]}\n  h: {children: [g]}\n"
    inventory = read_fleet_file(FILE, text.encode())
    assert inventory.groups == {"all": ("b", "a", "c"), "ungrouped": ("c",), "g": ("b", "a"), "h": ("b", "a")}


def test_the_section_rollout_is_passed_on_as_it_is() -> None:
    assert read_fleet_file(FILE, b"hosts:\n  a:\nrollout:\n  x: [1]\n").rollout == {"x": [1]}


def keys_of(kind: type[msgspec.Struct]) -> set[str]:
    return set(kind.__struct_fields__)


def with_examples() -> str:
    """The example with its examples switched on: the lines that begin with # and no space, and those below them."""
    return re.sub(r"^( *)#(  +)?(?=[A-Za-z-])", r"\1\2", example_text(), flags=re.MULTILINE)


def test_every_key_is_in_the_example() -> None:
    data: dict[str, Any] = read_yaml(FILE, raw=with_examples().encode())
    assert set(data) == keys_of(FleetFile)
    assert {key for entry in data["hosts"].values() for key in entry or {}} == keys_of(HostEntry)
    assert {key for entry in data["groups"].values() for key in entry or {}} == keys_of(GroupEntry)


def test_the_rollout_of_the_example_names_every_key_that_a_rollout_has() -> None:
    raw: dict[str, Any] = read_yaml(FILE, raw=with_examples().encode())["rollout"]
    said = rules(raw)
    assert keys_of(Rules) == set(raw)
    assert keys_of(BatchRule) == {key for batch in raw["sequence"] for key in batch}
    assert keys_of(Budget) == set(raw["disruption_budget"])
    assert set(raw["update_window"]) == {"days", "hours"}
    assert (said.success_threshold, said.soak) == (rules({}).success_threshold, rules({}).soak)


@pytest.mark.parametrize("text", [example_text(), with_examples()], ids=["as it is", "with its examples"])
def test_the_example_is_an_inventory(text: str) -> None:
    inventory = read_fleet_file(FILE, text.encode())
    assert len(inventory.devices) == 20
    assert len(inventory.groups["lab"]) == 20


def test_every_key_of_the_deployment_file_can_be_a_setting() -> None:
    example = read_yaml(Path("jetson-deploy.yaml"))
    left = {row.path[0] for row in OPTIONS.values()} - set(example)
    assert left == {"model", "context", "l4t", "store", "limit_rate", "runtime", "archive"}
    text = (Path(__file__).parents[3] / "jetson-deploy.yaml").read_text()
    assert read(f"hosts:\n  a:\n    settings:\n{re.sub('^', '      ', text, flags=re.MULTILINE)}\n")["a"].settings


def test_the_environment_takes_every_variable_that_the_tool_reads_and_proxies() -> None:
    assert {"JETSON_DEPLOY_IMAGE_REGISTRY", "JETSON_DEPLOY_CATALOG", "DOCKER_HOST"} <= set(known_variables())
    assert all(name == "DOCKER_HOST" or name.startswith("JETSON_DEPLOY_") for name in known_variables())
    environment = ", ".join(f"{name}: ''" for name in (*known_variables(), *PROXIES))
    assert read(f"hosts:\n  a: {{environment: {{{environment}}}}}\n")["a"].environment


@pytest.mark.parametrize(
    "value", ["http://u:p@h:1", "https://token@h", "Bearer abcdef", "password=x", "-----BEGIN KEY", "u:p@h"]
)
def test_a_value_that_holds_a_login_looks_secret(value: str) -> None:
    assert looks_secret(value)


@pytest.mark.parametrize(
    "value",
    ["http://h:1", "192.0.2.1:5000", "500K", "", "unix:///var/run/docker.sock", "ssh://nvidia@h", "a.b,.c,10.0.0.0/8"],
)
def test_an_ordinary_value_does_not_look_secret(value: str) -> None:
    assert not looks_secret(value)


@pytest.mark.parametrize("name", ["password", "DB_PASSWD", "api_key", "apikey", "hf_token", "vault_x", "ssh_pass"])
def test_a_name_says_that_it_is_a_secret(name: str) -> None:
    assert named_secret(name)
    assert not named_secret("rack") and not named_secret("passenger") and not named_secret("keyboard")


@given(st.integers(0, 2000), st.integers(0, 40), st.binary(max_size=12))
@settings(max_examples=examples(150), deadline=None)
def test_a_damaged_example_is_read_or_refused_in_one_line(at: int, length: int, instead: bytes) -> None:
    whole = example_text().encode()
    damaged = whole[:at] + instead + whole[at + length :]
    try:
        read_fleet_file(FILE, damaged)
    except UsageError as error:
        assert error.message.isprintable() and error.message.startswith(("fleet.yaml", "'fleet.yaml"))


GUIDE = (Path(__file__).parents[3] / "docs/guides/fleet.md").read_text()


def test_the_yaml_of_the_guide_is_what_the_readers_take() -> None:
    rollout, group_vars = (read_yaml(FILE, raw=block.encode()) for block in sorted(yaml_of_the_guide(), reverse=True))
    assert len(rules(rollout["rollout"]).sequence) == 3
    assert (
        inventory_of({"_meta": {"hostvars": {"a": group_vars}}, "all": {"hosts": ["a"]}}, "x", "").devices[0].settings
    )


def yaml_of_the_guide() -> list[str]:
    return re.findall("```yaml\n(.*?)```", GUIDE, re.DOTALL)


@pytest.mark.parametrize("named", ["", " "])
def test_an_inventory_without_a_name_is_not_the_working_directory(named: str) -> None:
    with pytest.raises(UsageError, match="-i names nothing"):
        read_inventory(named)
