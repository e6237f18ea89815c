"""Who runs it, and from where, as far as that can be told."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from jetson_deploy import __version__
from jetson_deploy.state.actor import actor

ME = pwd.getpwuid(os.geteuid()).pw_name


def test_on_the_host_it_is_the_user_with_the_verb_and_our_version() -> None:
    found = actor("up", {})
    assert (found.user, found.source, found.command, found.version) == (ME, None, "up", __version__)


@pytest.mark.parametrize(
    ("environ", "source"),
    [
        ({"SSH_CONNECTION": "10.0.0.5 51234 10.0.0.9 22"}, "10.0.0.5"),
        ({"SSH_CLIENT": "fe80::1%eth0 51234 22"}, "fe80::1%eth0"),
        ({"SSH_CONNECTION": "", "SSH_CLIENT": "2001:db8::5 51234 22"}, "2001:db8::5"),
        ({"SSH_CONNECTION": "\x1b[2J 1 2 3"}, None),
        ({"SSH_CONNECTION": "x" * 100_000}, None),
    ],
)
def test_over_ssh_it_is_the_client_s_address(environ: dict[str, str], source: str | None) -> None:
    assert actor("up", environ).source == source


def test_with_sudo_it_is_who_called_it_when_we_are_root() -> None:
    assert actor("up", {"SUDO_USER": "alice"}).user == ("alice" if os.geteuid() == 0 else ME)
    assert actor("up", {"SUDO_USER": "\x1b[2J"}).user == ME


def test_sudo_drops_the_variable_the_shell_that_called_it_still_has_it(tmp_path: Path) -> None:
    parent, shell = os.getppid(), 999_999
    for pid, above, environ in ((parent, shell, b"A=1\0"), (shell, 1, b"A=1\0SSH_CONNECTION=10.0.0.5 1 2 3\0")):
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "environ").write_bytes(environ)
        (tmp_path / str(pid) / "stat").write_text(f"{pid} (a) b) c) S {above} 1 1")
    assert actor("up", {"SUDO_USER": "alice"}, proc=tmp_path).source == "10.0.0.5"
    assert actor("up", {}, proc=tmp_path).source is None
    assert actor("up", {"SUDO_USER": "alice"}, proc=tmp_path / "none").source is None
