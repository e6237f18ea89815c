"""Who listens: on this machine for real, and in captured tables."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from jetson_deploy.detect.host import Host
from jetson_deploy.detect.port import port_facts, user_of
from jetson_deploy.facts import PortFacts

HEADER = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
CONTAINER = "a1" * 32


def entry(address: str, state: str = "0A", inode: int = 4242, port: int = 11434) -> str:
    return (
        f"   0: {address}:{port:04X} {'0' * len(address)}:0000 {state} 0:0 00:0 0     1000        0 {inode} 1 0 100\n"
    )


def root_with(root: Path, *entries: str, table: str = "tcp") -> Host:
    (root / "proc/net").mkdir(parents=True, exist_ok=True)
    (root / f"proc/net/{table}").write_text(HEADER + "".join(entries))
    return Host(root)


def test_a_real_listener_of_this_process_is_found() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        facts = port_facts(Host(Path("/")), server.getsockname()[1])
    assert (facts.listening, facts.address, facts.pid) == (True, "127.0.0.1", os.getpid())
    assert facts.uid == user_of(Host(Path("/")), os.getpid()) == os.geteuid()
    assert facts.process == Path("/proc/self/comm").read_text().strip()


def test_the_user_of_a_socket_is_read_where_its_process_cannot_be(tmp_path: Path) -> None:
    facts = port_facts(root_with(tmp_path, entry("0100007F")), 11434)
    assert (facts.listening, facts.pid, facts.uid) == (True, None, 1000)


def test_a_process_that_is_gone_has_no_user(tmp_path: Path) -> None:
    assert user_of(Host(tmp_path), 7) is None


def test_a_port_that_was_just_closed_is_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert port_facts(Host(Path("/")), port) == PortFacts(port=port, listening=False)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        *(("00000000", "0.0.0.0"), ("0100007F", "127.0.0.1"), ("3500007F", "127.0.0.53"), ("0501A8C0", None)),
        *(("0" * 32, "::"), ("0" * 24 + "01000000", "::1"), ("0000000000000000FFFF00000100007F", "127.0.0.1")),
        ("B80D0120000000000000000001000000", None),
    ],
)
def test_only_loopback_and_wildcard_listeners_take_the_port(tmp_path: Path, address: str, expected: str | None) -> None:
    table = "tcp" if len(address) == 8 else "tcp6"
    facts = port_facts(root_with(tmp_path, entry(address), table=table), 11434)
    assert (facts.listening, facts.address) == (expected is not None, expected)


def test_a_connection_from_that_port_is_no_listener(tmp_path: Path) -> None:
    assert port_facts(root_with(tmp_path, entry("0100007F", state="01")), 11434).listening is False


def test_no_table_is_unknown(tmp_path: Path) -> None:
    assert port_facts(Host(tmp_path), 11434) == PortFacts(port=11434)


@pytest.mark.parametrize(
    "cgroup",
    [f"0::/system.slice/docker-{CONTAINER}.scope\n", f"12:pids:/docker/{CONTAINER}\n0::/system.slice/docker.service\n"],
    ids=["v2", "v1"],
)
def test_the_listeners_container_comes_from_its_cgroup(tmp_path: Path, cgroup: str) -> None:
    host = root_with(tmp_path, entry("0100007F"))
    process = tmp_path / "proc/77"
    (process / "fd").mkdir(parents=True)
    (process / "fd/3").symlink_to("socket:[4242]")
    (process / "comm").write_text("ollama\n")
    (process / "cgroup").write_text(cgroup)
    facts = port_facts(host, 11434)
    assert (facts.pid, facts.process, facts.container_id) == (77, "ollama", CONTAINER)


def test_a_table_of_rubbish_is_no_listener(tmp_path: Path) -> None:
    assert port_facts(root_with(tmp_path, "x\n", "0: zz:11 0A\n", "\0\0\n"), 11434).listening is False
