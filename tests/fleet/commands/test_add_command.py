"""`fleet add` against an SSH server on loopback: what answers is written, what does not is said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from loopback_server import HERE, Server, serving

from jetson_deploy.cli.fleet import add
from jetson_deploy.cli.main import group
from jetson_deploy.errors import UsageError
from jetson_deploy.fleet.inventory.fleet_file import read_fleet_file


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path) as found:
        yield found


def asked(server: Server, file: Path, *words: str) -> int:
    given = ["-i", str(file), "--ssh-config", str(server.ssh_config), *words]
    # As the root gives it: click keeps the help option of a command's first run, and the help screens are asked later.
    return int(add.command.main(given, standalone_mode=False, **group.context_settings))


def test_a_device_that_answers_is_shown_and_written_with_its_group(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "fleet.yaml"
    file.write_text("# ours\nhosts:\n  spare:  # in the cupboard\n")
    name = f"{HERE}:{server.port}"
    assert asked(server, file, name, f"{HERE}:1", "--group", "lab", "--json") == 9
    document = json.loads(capsys.readouterr().out)
    assert [row["state"] for row in document["devices"]] == ["done", "unreachable"]
    assert (document["written"], document["devices"][0]["document"]["is_jetson"]) == ([name], False)
    inventory = read_fleet_file(file)
    assert [device.name for device in inventory.devices] == ["spare", name]
    assert inventory.groups["lab"] == (name,)
    assert file.read_text().startswith("# ours\nhosts:\n  spare:  # in the cupboard\n")


def test_where_no_device_answers_nothing_is_written(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert asked(server, tmp_path / "fleet.yaml", f"{HERE}:1") == 9
    assert not (tmp_path / "fleet.yaml").exists()


@pytest.mark.parametrize("text", ["hosts:\n  a:\n", "hosts: {b: }\n"])
def test_what_cannot_be_written_is_refused_before_a_device_is_asked(server: Server, tmp_path: Path, text: str) -> None:
    (tmp_path / "fleet.yaml").write_text(text)
    with pytest.raises(UsageError):
        asked(server, tmp_path / "fleet.yaml", "a")
    assert server.connections == 0
