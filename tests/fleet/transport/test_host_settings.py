"""What `ssh -G` says is read as it is, and what is wrong there is said with file and line."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from jetson_deploy.errors import PreflightError
from jetson_deploy.fleet.connect_options import Bounds, ConnectOptions
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.failure import DeviceError
from jetson_deploy.fleet.opened import open_transport
from jetson_deploy.fleet.transport.host_settings import HostSettings, SettingsReader, home, target_of


def read(tmp_path: Path, text: str, device: Device, bounds: Bounds | None = None) -> HostSettings:
    config = tmp_path / "config"
    config.write_text(text)
    reader = SettingsReader(ConnectOptions(ssh_config=config, bounds=bounds or Bounds()))
    try:
        return asyncio.run(reader.read(target_of(device)))
    finally:
        reader.close()


BOARD = Device(name="board")
WHOLE = """
Include {folder}/more
Host board
  HostName 10.1.2.3
  Port 2222
  IdentityFile "{folder}/key of %r"
  CertificateFile none
  UserKnownHostsFile {folder}/known-%h /dev/null
  GlobalKnownHostsFile none
  HostKeyAlias rack-1
  IdentityAgent none
  IdentitiesOnly yes
  HashKnownHosts yes
  ProxyJump me@bastion:2022,[::1]:23
  SendEnv LANG
"""


def test_every_setting_is_what_ssh_makes_of_the_files(tmp_path: Path) -> None:
    (tmp_path / "more").write_text("Match host board\n  User admin\n")
    assert read(tmp_path, WHOLE.format(folder=tmp_path), BOARD) == HostSettings(
        hostname="10.1.2.3",
        user="admin",
        port=2222,
        identity_files=(f"{tmp_path}/key of admin",),
        certificate_files=(),
        user_known_hosts=(f"{tmp_path}/known-10.1.2.3",),
        global_known_hosts=(),
        proxy_jump="me@bastion:2022,[::1]:23",
        proxy_command=None,
        host_key_alias="rack-1",
        agent=None,
        identities_only=True,
        hash_known_hosts=True,
        revoked_host_keys=None,
    )


def test_what_the_inventory_says_comes_before_the_configuration(tmp_path: Path) -> None:
    key = tmp_path / "k"
    device = Device(name="board", address="10.9.9.9", user="me", port=2, identity_file=str(key))
    with pytest.raises(DeviceError, match="is not there"):
        read(tmp_path, "", device)
    key.touch()
    found = read(tmp_path, "Host *\n  User other\n  Port 9\n  IdentityFile /other\n", device)
    assert (found.hostname, found.user, found.port, found.identity_files[0]) == ("10.9.9.9", "me", 2, str(key))


@pytest.mark.parametrize(("name", "says"), [(".", "is no file"), ("k" * 300, "cannot be read: File name too long")])
def test_a_key_file_of_the_inventory_that_is_none_is_that_devices_refusal(name: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match=says) as caught:
        read(tmp_path, "", Device(name="board", identity_file=str(tmp_path / name)))
    assert caught.value.code == "key-file"


def test_a_name_that_looks_like_an_option_is_no_option(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    with pytest.raises(DeviceError):
        read(tmp_path, "", Device(name=f"-oProxyCommand=touch {mark}"))
    assert not mark.exists()


def test_a_line_that_ssh_cannot_read_is_named_with_its_file(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="config: line 2: Bad configuration option: portt") as caught:
        read(tmp_path, "Host board\n  Portt 22\n", BOARD)
    assert caught.value.code == "ssh-config"


def test_directives_that_asyncssh_cannot_read_do_no_harm(tmp_path: Path) -> None:
    text = "Match final\n  ConnectTimeout none\nHost *\n  Port 7\n"
    assert read(tmp_path, text, BOARD).port == 7


def test_a_match_exec_that_hangs_is_given_up(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="gave no answer within") as caught:
        read(tmp_path, 'Match exec "exec sleep 30"\n  Port 7\n', BOARD, Bounds(settings=0.1))
    assert "Match exec" in caught.value.hint


def test_without_ssh_it_is_said_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PreflightError, match="`ssh` is not on PATH") as caught:
        read(tmp_path, "", BOARD)
    assert "openssh-client" in caught.value.hint


@pytest.mark.parametrize(
    ("said", "agent"),
    [("SSH_AUTH_SOCK", "/run/agent"), ("$OTHER", "/run/other"), ("none", None), ("~/a", f"{home()}/a")],
)
def test_the_agent_is_the_one_that_ssh_would_ask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, agent: str | None
) -> None:
    for name, value in (("SSH_AUTH_SOCK", "/run/agent"), ("OTHER", "/run/other"), ("HOME", "/x")):
        monkeypatch.setenv(name, value)
    assert read(tmp_path, f"Host *\n  IdentityAgent {said}\n", BOARD).agent == agent


def test_without_asyncssh_the_hint_names_the_checkouts_own_set_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "asyncssh", None)
    with pytest.raises(PreflightError) as caught:
        open_transport()
    assert (caught.value.code, "scripts/setup fleet" in caught.value.hint) == ("no-asyncssh", True)


def test_revoked_host_keys_are_refused_not_ignored(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(f"Host *\n  RevokedHostKeys {tmp_path}/revoked\n")

    async def act() -> None:
        transport = open_transport(ssh_config=config)
        try:
            async with transport.connect(BOARD):
                pass
        finally:
            await transport.close()

    with pytest.raises(DeviceError, match="RevokedHostKeys"):
        asyncio.run(act())
