"""`fleet trust` and `fleet run` against an SSH server on loopback."""

from __future__ import annotations

import json
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import asyncssh
import pytest
from loopback_server import HERE, Server, known_line, serving

from jetson_deploy.cli.fleet import run, trust


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path) as found:
        yield found


def asked(server: Server, *words: str, command: str = "run") -> int:
    verb = {"run": run.command, "trust": trust.command}[command]
    given = ["-i", f"{HERE}:{server.port},", "--ssh-config", str(server.ssh_config), *words]
    names = ["-h", "--help"]  # as the tool has it: click keeps what the first call said
    return int(verb.main(given, standalone_mode=False, help_option_names=names))


def test_every_line_of_a_command_stands_behind_its_device(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    assert asked(server, "--", "echo one; echo; echo bad >&2") == 0
    name = f"{HERE}:{server.port}"
    assert capsys.readouterr().out.splitlines()[:3] == [f"{name} | one", f"{name} |", f"{name} ! bad"]


def test_a_device_cannot_write_outside_its_lines(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    asked(server, "--", r"printf 'a\rother | fine\033[2J\n\nb\tc\377\n'")
    out = capsys.readouterr().out
    name = f"{HERE}:{server.port}"
    assert "\x1b" not in out and "\r" not in out
    assert [line for line in out.splitlines() if " | " in line and not line.startswith(name)] == []


def test_a_command_that_fails_gives_9_and_its_last_complaint(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    assert asked(server, "--json", "--", "echo no disk >&2; exit 3") == 9
    document = json.loads(capsys.readouterr().out)
    (row,) = document["devices"]
    assert (row["state"], row["reason"], row["document"]["exit_status"]) == ("failed", "exit 3: no disk", 3)


def test_several_words_are_passed_on_as_they_are(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    assert asked(server, "--", "printf", "%s.", "a b", "$HOME") == 0
    assert "a b.$HOME." in capsys.readouterr().out


def test_a_key_that_is_not_known_is_refused_then_shown_then_kept(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    server.known_hosts.unlink()
    fingerprint = server.host_key.get_fingerprint()
    assert asked(server, "--", "true") == 9
    assert f"not known (ssh-ed25519 {fingerprint})" in capsys.readouterr().out
    assert asked(server, command="trust") == 9
    assert fingerprint in capsys.readouterr().err
    assert not server.known_hosts.exists()
    assert asked(server, "--yes", command="trust") == 0
    assert server.known_hosts.read_text().split()[:2] == known_line(server).split()[:2]
    assert stat.S_IMODE(server.known_hosts.stat().st_mode) == 0o600
    assert asked(server, "--", "true") == 0


def test_a_key_is_kept_behind_what_the_file_has_and_hashed_where_the_user_wants_it(server: Server) -> None:
    server.known_hosts.write_text("# mine, without an end of line")
    server.ssh_config.write_text(server.ssh_config.read_text() + "  HashKnownHosts yes\n")
    assert asked(server, "--yes", command="trust") == 0
    mine, added = server.known_hosts.read_text().splitlines()
    assert (mine, added[:3], HERE in added) == ("# mine, without an end of line", "|1|", False)
    assert asked(server, "--", "true") == 0
    assert asked(server, "--yes", command="trust") == 0
    assert len(server.known_hosts.read_text().splitlines()) == 2


def test_a_changed_key_is_never_replaced_and_its_line_is_named(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    kept = f"# a comment\n[{HERE}]:{server.port} {other}"
    server.known_hosts.write_text(kept)
    for words, command in ((("--json", "--yes"), "trust"), (("--json", "--", "true"), "run")):
        assert asked(server, *words, command=command) == 9
        out = capsys.readouterr().out
        assert f"{server.known_hosts}, line 2" in out
        assert f"ssh-keygen -R '[{HERE}]:{server.port}'" in out
    assert server.known_hosts.read_text() == kept
    subprocess.run(
        ["ssh-keygen", "-R", f"[{HERE}]:{server.port}", "-f", str(server.known_hosts)], check=True, capture_output=True
    )
    assert asked(server, "--yes", command="trust") == 0


def test_a_revoked_key_is_refused(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    server.known_hosts.write_text(f"@revoked {known_line(server)}\n{known_line(server)}")
    assert asked(server, "--", "true") == 9
    assert "marked @revoked" in capsys.readouterr().out
