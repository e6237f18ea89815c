"""`fleet inventory`: what a person and a program see of an inventory, and where devices come from."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from forked_cli import ran

FILE = """
hosts:
  board1: {address: 192.0.2.1, user: nvidia, settings: {context: 4096, gates: {accept_cpu: true}}, variables: {rack: a}}
  board2: {port: 2222}
  spare:
groups:
  orin: {hosts: [board1, board2], environment: {JETSON_DEPLOY_IMAGE_REGISTRY: "192.0.2.9:5000"}}
"""


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "fleet.yaml").write_text(FILE)
    return tmp_path


def run(here: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return ran("fleet", "inventory", *arguments, environment={"PATH": "/usr/bin:/bin", "HOME": str(here)}, cwd=here)


def test_devices_and_groups_of_the_file_in_this_folder_are_shown(here: Path) -> None:
    shown = run(here)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout == (
        "DEVICE  ADDRESS           GROUPS  SETTINGS\n"
        "board1  nvidia@192.0.2.1  orin    context=4096, gates.accept_cpu=True\n"
        "board2  board2:2222       orin    -\n"
        "spare   spare             -       -\n"
        "\n"
        "group  orin  2 devices\n"
        "3 devices in fleet.yaml\n"
    )


def test_every_detail_is_shown_with_v(here: Path) -> None:
    shown = run(here, "-v", "board1").stdout
    assert "rack=a" in shown
    assert "JETSON_DEPLOY_IMAGE_REGISTRY=192.0.2.9:5000" in shown


def test_the_document_holds_each_selected_device_with_what_is_asked_of_it(here: Path) -> None:
    document = json.loads(run(here, "--json", "orin", "--limit", "!board2").stdout)
    assert document["schema"] == "jetson-deploy.fleet-inventory/1"
    (device,) = document["devices"]
    assert (device["name"], device["settings"]["context"], device["variables"]) == ("board1", 4096, {"rack": "a"})
    assert document["groups"] == {"all": ["board1"], "orin": ["board1"]}


def test_typed_devices_need_no_file(tmp_path: Path) -> None:
    for arguments in (("-i", "a,nvidia@b:22,"), ("a", "nvidia@b:22")):
        shown = run(tmp_path, *arguments)
        assert shown.stdout.splitlines()[-1] == "2 devices in the command line"


def test_where_there_is_a_file_a_name_is_looked_up_in_it(here: Path) -> None:
    shown = run(here, "bord1")
    assert shown.returncode == 2
    assert "'bord1' matches no device and no group of fleet.yaml" in shown.stderr
    assert "did you mean board1?" in shown.stderr


@pytest.mark.parametrize(
    "arguments, problem, hint",
    [
        ((), "there is no fleet.yaml here", "fleet inventory --example"),
        (("-i", "lab.yaml"), "there is no such file", "-i HOST,HOST,"),
        (("-i", ","), "no device is typed", "-i board1,board2,"),
        (("a", "--limit", "b"), "'b' matches no device", "fleet inventory"),
        (("-a",), "No such option", "fleet inventory --help"),
    ],
)
def test_what_is_missing_is_said_with_what_to_do(
    arguments: tuple[str, ...], problem: str, hint: str, tmp_path: Path
) -> None:
    shown = run(tmp_path, *arguments)
    assert shown.returncode == 2
    assert problem in shown.stderr
    assert hint in shown.stderr


def test_limits_that_exclude_each_other_are_refused(here: Path) -> None:
    shown = run(here, "board1", "--limit", "spare")
    assert (shown.returncode, "no device matches 'board1 and --limit spare'" in shown.stderr) == (2, True)


def test_a_rollout_that_cannot_be_is_refused_here_already(here: Path) -> None:
    (here / "fleet.yaml").write_text(FILE + "rollout: {sok: 5m}\n")
    shown = run(here)
    assert shown.returncode == 2
    assert "fleet.yaml: rollout: " in shown.stderr and "sok" in shown.stderr


def test_the_example_can_be_used_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text(run(tmp_path, "--example").stdout)
    assert run(tmp_path).stdout.splitlines()[-1] == "20 devices in fleet.yaml"
