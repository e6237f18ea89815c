"""Devices that are added to fleet.yaml: comments stay, the result is read again, or nothing is written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from drawn import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from jetson_deploy.errors import UsageError
from jetson_deploy.fleet.inventory.adding import added, check_new, replace
from jetson_deploy.fleet.inventory.fleet_file import example_text, read_fleet_file
from jetson_deploy.fleet.inventory.typed import typed_inventory

FILE = Path("fleet.yaml")
CASES: list[tuple[str, str, list[str], list[str], str]] = [
    ("a new file", "", ["b1", "nvidia@10.0.0.7:2222"], [], """
hosts:
  b1:
  "10.0.0.7:2222":
    address: 10.0.0.7
    user: nvidia
    port: 2222
"""),
    ("below the last device, before the comment of what follows", """
# mine
hosts:
    a:  # first
      user: x

# groups now
groups:
  g: {hosts: [a]}
""", ["b"], [], """
# mine
hosts:
    a:  # first
      user: x
    b:

# groups now
groups:
  g: {hosts: [a]}
"""),
    ("into a list on one line", "hosts:\n  a:\ngroups:\n  g:\n    hosts: [a]  # all\n", ["b"], ["g"],
     "\nhosts:\n  a:\n  b:\ngroups:\n  g:\n    hosts: [a, b]  # all\n"),
    ("into a list with ranges", "hosts:\n  a[1:2]:\ngroups:\n  g:\n    hosts: ['a[1:2]']\n", ["b"], ["g"],
     "\nhosts:\n  a[1:2]:\n  b:\ngroups:\n  g:\n    hosts: ['a[1:2]', b]\n"),
    ("into a list of lines", "hosts:\n  a:\ngroups:\n  g:\n    hosts:\n    - a\n    user: x\n", ["b", "c"], ["g"],
     "\nhosts:\n  a:\n  b:\n  c:\ngroups:\n  g:\n    hosts:\n    - a\n    - b\n    - c\n    user: x\n"),
    ("into a group without devices", "hosts:\n  a:\ngroups:\n  g:\n    user: x\n", ["b"], ["g"],
     "\nhosts:\n  a:\n  b:\ngroups:\n  g:\n    hosts: [b]\n    user: x\n"),
    ("into an empty group", "hosts:\n  a:\ngroups:\n  g:\n", ["b"], ["g"],
     "\nhosts:\n  a:\n  b:\ngroups:\n  g:\n    hosts: [b]\n"),
    ("into a new group", "hosts:\n  a:\ngroups:\n  g:\n    user: x\nrollout: {}\n", ["b"], ["h"],
     "\nhosts:\n  a:\n  b:\ngroups:\n  g:\n    user: x\n  h:\n    hosts: [b]\nrollout: {}\n"),
    ("into two groups where there is none", "hosts:\n  a:\n", ["b"], ["g", "h"],
     "\nhosts:\n  a:\n  b:\n\ngroups:\n  g:\n    hosts: [b]\n  h:\n    hosts: [b]\n"),
    ("without an end of the last line", "hosts:\n  a:", ["b"], [], "\nhosts:\n  a:\n  b:\n"),
    ("names that YAML would take for something else", "hosts:\n  a:\n", ["10", "no", "fe80::1"], [],
     '\nhosts:\n  a:\n  "10":\n  "no":\n  "fe80::1":\n'),
    ("below a device in braces", "hosts:\n  a: {user: x}\n", ["b"], [], "\nhosts:\n  a: {user: x}\n  b:\n"),
]  # fmt: skip


@pytest.mark.parametrize("before, names, groups, after", [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_devices_are_added(before: str, names: list[str], groups: list[str], after: str) -> None:
    devices = typed_inventory(names).devices
    assert added(before.lstrip("\n").encode(), FILE, devices, groups).decode() == after.lstrip("\n")


@pytest.mark.parametrize(
    "before",
    [
        "{hosts: {a: }}\n",
        "hosts: {a: }\n",
        "hosts:\n  {a: ,\n  c: }\n",
        "hosts:\n  a:\ngroups: {g: {hosts: [a]}}\n",
        "hosts:\n  a:\ngroups:\n  g: {hosts: [a]}\n",
        "hosts:\n  a:\ngroups:\n  g:\n    hosts: [a,\n      ]\n",
        'hosts:\n  a:\n    variables:\n      x: "1\n        2"\n',
    ],
)
def test_a_file_that_no_line_can_be_added_to_is_left_and_the_lines_are_given(before: str) -> None:
    with pytest.raises(UsageError) as raised:
        added(before.encode(), FILE, typed_inventory(["nvidia@b:22"]).devices, ["g"])
    assert raised.value.code == "inventory-not-editable"
    assert '"b:22": {address: b, user: nvidia, port: 22}' in raised.value.hint
    assert raised.value.details[0] == '  "b:22":'


def test_lines_of_another_system_keep_their_ends() -> None:
    assert added(b"hosts:\r\n  a:\r\n", FILE, typed_inventory(["b"]).devices, []) == b"hosts:\r\n  a:\r\n  b:\r\n"


def test_every_line_of_the_example_stays_as_it_was() -> None:
    before = example_text()
    after = added(before.encode(), FILE, typed_inventory(["new"]).devices, ["orin", "fresh"]).decode()
    inventory = read_fleet_file(FILE, after.encode())
    assert inventory.groups["fresh"] == ("new",)
    assert "new" in inventory.groups["orin"]
    gone = [line for line in before.splitlines() if line not in after.splitlines()]
    assert gone == ['    hosts: [board01, "board[02:08]"]']


KEYS = st.sampled_from(["a", "b", "c1", "x.y"])
COMMENTS = st.sampled_from(["", "  # say", "\n# between", "\n\n", "\n  # inside"])


@given(
    st.lists(st.tuples(KEYS, COMMENTS, st.booleans()), unique_by=lambda one: one[0], min_size=1),
    COMMENTS,
    st.booleans(),
)
@settings(max_examples=examples(100), deadline=None)
def test_whatever_comments_stand_there_they_stay_and_the_device_is_added(
    hosts: list[tuple[str, str, bool]], tail: str, grouped: bool
) -> None:
    text = "hosts:\n" + "".join(f"  {name}:{' {user: u}' if own else ''}{say}\n" for name, say, own in hosts) + tail
    text += "\ngroups:\n  g:\n    hosts: [a]\n" if grouped and any(name == "a" for name, *_ in hosts) else ""
    after = added(text.encode(), FILE, typed_inventory(["new"]).devices, ["g"])
    assert read_fleet_file(FILE, after).groups["all"] == (*(name for name, *_ in hosts), "new")
    assert re.findall("#.*", after.decode()) == re.findall("#.*", text)


def written(path: Path, text: str = "hosts:\n  a:\n") -> bytes:
    path.write_text(text)
    return path.read_bytes()


def test_the_file_is_replaced_at_once_and_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "fleet.yaml"
    before = written(path)
    path.chmod(0o640)
    replace(path, before, b"hosts:\n  b:\n")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"hosts:\n  b:\n", 0o640)
    assert [one.name for one in tmp_path.iterdir()] == ["fleet.yaml"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    before = written(tmp_path / "real.yaml")
    (tmp_path / "fleet.yaml").symlink_to("real.yaml")
    replace(tmp_path / "fleet.yaml", before, b"new")
    assert (tmp_path / "fleet.yaml").is_symlink()
    assert (tmp_path / "real.yaml").read_bytes() == b"new"


@pytest.mark.parametrize("before", [b"something else\n", b""])
def test_a_file_that_another_program_changed_is_left(before: bytes, tmp_path: Path) -> None:
    path = tmp_path / "fleet.yaml"
    there = written(path)
    with pytest.raises(UsageError, match="changed by another program"):
        replace(path, before, b"new")
    assert path.read_bytes() == there
    assert [one.name for one in tmp_path.iterdir()] == ["fleet.yaml"]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written: No such file"):
        replace(tmp_path / "no" / "fleet.yaml", b"", b"new")


@pytest.mark.parametrize("names, groups, problem", [(["a"], [], "'a' is in"), (["b"], ["-g"], "cannot be the name")])
def test_what_is_there_already_is_refused_before_anything_is_asked(
    names: list[str], groups: list[str], problem: str, tmp_path: Path
) -> None:
    path = tmp_path / "fleet.yaml"
    written(path)
    with pytest.raises(UsageError, match=problem):
        check_new(path, typed_inventory(names).devices, groups)
    assert check_new(tmp_path / "new.yaml", typed_inventory(names).devices, []) == b""
