"""The fleet's transport against OpenSSH's own sshd: jump hosts, limits, cuts, certificates."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from planted_secrets import Planted
from real_sshd import Site, Sshd, keygen, site

from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.fleet.connection import Transport
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.each import each
from jetson_deploy.fleet.end_state import DeviceResult, result_of
from jetson_deploy.fleet.failure import ConnectionLostError, DeviceError

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def here() -> Iterator[Site]:
    with site() as found:
        yield found


@pytest.fixture(scope="module")
def plain(here: Site) -> Sshd:
    return here.sshd()


async def says(transport: Transport, device: Device, command: str = "echo here", **given: Any) -> bytes:
    async with transport.connect(device) as connection:
        return (await connection.run(command, seconds=60, **given)).stdout


async def greeted(transport: Transport, device: Device) -> DeviceResult:
    found = await says(transport, device)
    return DeviceResult(device=device.name, state="done" if found == b"here\n" else "failed")


def refused(here: Site, device: Device, **given: Any) -> DeviceError:
    with pytest.raises(DeviceError) as caught:
        here.asked(lambda transport: says(transport, device), **given)
    return caught.value


def states(here: Site, devices: list[Device]) -> list[str]:
    async def act(transport: Transport) -> list[DeviceResult]:
        return await each(devices, lambda device: greeted(transport, device), failed=result_of)

    return [f"{result.state} {result.reason}".strip() for result in here.asked(act)]


@pytest.mark.fault("F23")
def test_fifty_boards_behind_a_jump_host_share_one_connection_to_it(here: Site, plain: Sshd) -> None:
    jump = here.sshd()
    addresses = [f"127.0.1.{number}" for number in range(1, 51)]
    here.know(plain, *addresses)
    here.configure(f"Host 127.0.1.*\n  ProxyJump root@127.0.0.1:{jump.port}\n")
    try:
        assert states(here, [plain.device(address, address=address) for address in addresses]) == ["done"] * 50
    finally:
        here.configure()
    assert jump.log.count("Accepted publickey") == 1


def test_a_chain_of_jump_hosts_and_one_that_names_itself(here: Site, plain: Sshd) -> None:
    first, second = here.sshd(), here.sshd()
    here.know(plain, "127.0.2.1", "127.0.2.2")
    here.configure(
        f"Host 127.0.2.1\n  ProxyJump root@127.0.0.1:{first.port},root@127.0.0.1:{second.port}\n"
        f"Host 127.0.2.2\n  ProxyJump circle\nHost circle\n  ProxyJump other\nHost other\n  ProxyJump circle\n"
    )
    try:
        found = states(here, [plain.device(name, address=name) for name in ("127.0.2.1", "127.0.2.2")])
    finally:
        here.configure()
    assert found[0] == "done"
    assert found[1].startswith("unreachable jump host circle: ")
    assert (first.log.count("Accepted publickey"), second.log.count("Accepted publickey")) == (1, 1)


def test_a_proxy_command_is_followed(here: Site, plain: Sshd) -> None:
    here.know(plain, "board.invalid")
    connect = "import socket,sys,threading,os;s=socket.create_connection(('127.0.0.1',int(sys.argv[1])));"
    pump = (
        "threading.Thread(target=lambda:[os.write(1,b) for b in iter(lambda:s.recv(65536),b'')],daemon=True).start();"
    )
    feed = "[s.sendall(b) for b in iter(lambda:os.read(0,65536),b'')]"
    here.configure(f'Host board.invalid\n  ProxyCommand python3 -c "{connect}{pump}{feed}" %p\n')
    try:
        assert states(here, [plain.device(address="board.invalid")]) == ["done"]
    finally:
        here.configure()


@pytest.mark.fault("F23")
def test_a_sshd_that_drops_logins_is_asked_again(here: Site) -> None:
    throttled = here.sshd("MaxStartups 2:50:4")
    assert states(here, [throttled.device(f"board{number}") for number in range(30)]) == ["done"] * 30


def test_a_sshd_with_few_sessions_gives_one_after_the_other_or_says_so(here: Site) -> None:
    narrow = here.sshd("MaxSessions 1")

    async def act(transport: Transport) -> tuple[bytes, str]:
        async with transport.connect(narrow.device()) as connection:
            first, second = await asyncio.gather(
                connection.run("sleep 0.5; echo a", seconds=60), connection.run("sleep 0.5; echo b", seconds=60)
            )
            lines = connection.lines("echo begun; cat; sleep 60", silence=60)
            await lines.__anext__()
            with pytest.raises(DeviceError) as caught:
                await connection.run("true", seconds=60)
            return first.stdout + second.stdout, caught.value.hint

    assert here.asked(act) == (b"a\nb\n", "look at MaxSessions in sshd_config there")


@pytest.mark.fault("F22")
def test_a_session_that_is_killed_leaves_the_state_unknown(here: Site, plain: Sshd) -> None:
    async def act(transport: Transport) -> None:
        async with transport.connect(plain.device()) as connection:
            await connection.run("echo half; kill -9 $PPID; sleep 3", seconds=60)

    with pytest.raises(ConnectionLostError):
        here.asked(act)


def test_timeouts_leave_no_session_behind(here: Site, plain: Sshd) -> None:
    """MaxSessions is 10: the eleventh would be refused."""

    async def act(transport: Transport) -> bytes:
        async with transport.connect(plain.device()) as connection:
            for _ in range(12):
                with pytest.raises(DeviceError, match="no end within"):
                    await connection.run("while :; do echo x; sleep 0.02; done", seconds=0.05)
            return (await connection.run("echo here", seconds=60)).stdout

    assert here.asked(act) == b"here\n"


@pytest.mark.fault("F22")
def test_a_frozen_board_is_given_up_and_the_others_finish(here: Site, plain: Sshd) -> None:
    frozen = here.sshd()

    async def act(transport: Transport) -> list[str]:
        async def one(device: Device) -> str:
            async with transport.connect(device) as connection:
                if device.port == frozen.port:
                    frozen.signal(signal.SIGSTOP)
                return str((await connection.run("echo here", seconds=60)).exit_status)

        def failed(device: Device, error: JetsonDeployError) -> str:
            return type(error).__name__

        return await each([frozen.device(), plain.device()], one, failed=failed)

    assert here.asked(act) == ["ConnectionLostError", "0"]


@pytest.fixture
def namespace() -> Iterator[str]:
    name = here = f"jdhole{os.getpid()}"
    ip("netns", "add", name)
    try:
        ip("link", "add", here, "type", "veth", "peer", "name", "eth0", "netns", name)
        ip("address", "add", "198.18.77.1/30", "dev", here)
        ip("link", "set", here, "up")
        ip("-n", name, "address", "add", "198.18.77.2/30", "dev", "eth0")
        ip("-n", name, "link", "set", "eth0", "up")
        yield name
    finally:
        ip("link", "delete", here)
        ip("netns", "delete", name)


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@pytest.mark.fault("F22")
def test_a_black_hole_ends_a_command_and_a_login_in_bounded_time(here: Site, namespace: str) -> None:
    hole = here.sshd(inside=("ip", "netns", "exec", namespace), address="198.18.77.2")

    async def act(transport: Transport) -> list[str]:
        async with transport.connect(hole.device()) as connection:
            ip("-n", namespace, "link", "set", "eth0", "down")
            with pytest.raises(ConnectionLostError) as caught:
                await connection.run("echo here", seconds=60)
        with pytest.raises(DeviceError) as silent:
            await says(transport, hole.device())
        return [caught.value.code, silent.value.code]

    assert here.asked(act) == ["connection-lost", "unreachable"]


@pytest.mark.fault("F23")
def test_half_of_the_boards_are_off_and_the_rest_finishes(here: Site, plain: Sshd) -> None:
    off = [Device(name=f"off{number}", address="127.0.0.1", port=1) for number in range(5)]
    on = [plain.device(f"on{number}") for number in range(5)]
    found = states(here, [*off, *on])
    assert found == ["unreachable 127.0.0.1 port 1: connection refused"] * 5 + ["done"] * 5


@pytest.fixture(scope="module")
def authority(here: Site) -> Path:
    keygen("-t", "ed25519", "-N", "", "-f", str(here.folder / "authority"))
    return here.folder / "authority"


@pytest.mark.parametrize(
    ("names", "when", "code"),
    [("127.0.0.1", "-1h:+1h", ""), ("127.0.0.1", "-2h:-1h", "host-certificate"), ("x", "-1h:+1h", "host-certificate")],
)
def test_a_host_certificate_counts_while_it_is_valid_and_for_its_names(
    here: Site, authority: Path, names: str, when: str, code: str
) -> None:
    sign = f"ssh-keygen -q -s {authority} -I board -h -n {names} -V {when} FOLDER/host.pub"
    signed = here.sshd("HostCertificate FOLDER/host-cert.pub", before=sign)
    known = here.known_hosts.read_text()
    public = " ".join(authority.with_suffix(".pub").read_text().split()[:2])
    here.known_hosts.write_text(f"@cert-authority [127.0.0.1]:{signed.port} {public}\n{known}")
    try:
        if code:
            error = refused(here, signed.device())
            assert (error.code, "ssh itself would go on" in error.message) == (code, True)
            assert "ssh-keygen -s" in error.hint
        else:
            assert states(here, [signed.device()]) == ["done"]
    finally:
        here.known_hosts.write_text(known)


def test_a_login_by_a_certificate_of_the_user(here: Site, authority: Path) -> None:
    key = here.folder / "certified"
    keygen("-t", "ed25519", "-N", "", "-f", str(key))
    strict = here.sshd(f"TrustedUserCAKeys {authority}.pub")
    here.configure(key=key)
    try:
        assert refused(here, strict.device()).code == "login-refused"
        keygen("-s", str(authority), "-I", "me", "-n", "root", f"{key}.pub")
        assert states(here, [strict.device()]) == ["done"]
    finally:
        here.configure()


@pytest.mark.fault("F22")
def test_hashed_known_hosts_and_a_key_that_changed_for_one_board_alone(here: Site, plain: Sshd) -> None:
    changed = here.sshd()
    known = here.known_hosts.read_text()
    other = " ".join((plain.folder / "host.pub").read_text().split()[:2])
    here.known_hosts.write_text(f"[127.0.0.1]:{changed.port} {other}\n[127.0.0.1]:{plain.port} {other}\n")
    keygen("-H", "-f", str(here.known_hosts))
    try:
        first, second = states(here, [changed.device("changed"), plain.device("plain")])
    finally:
        here.known_hosts.write_text(known)
    assert second == "done"
    assert first.startswith(f"unreachable {here.known_hosts}, line 1 has another host key")


def test_a_key_of_the_agent_and_a_key_with_a_passphrase(here: Site, plain: Sshd) -> None:
    locked, passphrase = here.folder / "locked", secrets.token_hex(8)
    planted = Planted(passphrase)
    locked.write_text(here.key.read_text())
    locked.chmod(0o600)
    keygen("-p", "-P", "", "-N", passphrase, "-f", str(locked))
    here.configure(key=locked)
    try:
        assert "wants a passphrase" in refused(here, plain.device()).hint
        wrong = refused(here, plain.device(), key_passphrase=f"{passphrase}x")
        assert wrong.code == "key-passphrase"
        with planted.watched() as seen:
            said = here.asked(lambda transport: says(transport, plain.device()), key_passphrase=passphrase)
        assert said == b"here\n"
        assert planted.said(repr(wrong.args), wrong.hint) == planted.files(here.folder) == seen.shown == []
        with agent(here) as socket:
            here.configure(f"Host *\n  IdentityAgent {socket}\n  IdentitiesOnly no\n", key=locked)
            assert states(here, [plain.device()]) == ["done"]
    finally:
        here.configure()


@contextmanager
def agent(here: Site) -> Iterator[Path]:
    socket = here.folder / "agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.DEVNULL)
    try:
        while not socket.exists():
            time.sleep(0.01)
        environment = {**os.environ, "SSH_AUTH_SOCK": str(socket)}
        subprocess.run(["ssh-add", "-q", str(here.key)], env=environment, check=True, capture_output=True)
        yield socket
    finally:
        process.kill()
        process.wait()


DEAD = """
import asyncio, sys
from jetson_deploy.fleet.connect_options import Bounds
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.each import each
from jetson_deploy.fleet.opened import open_transport

async def main():
    transport = open_transport(ssh_config=sys.argv[1], bounds=Bounds(name=1))

    async def one(device):
        async with transport.connect(device):
            return "connected"

    devices = [Device(name=f"board{number}.example") for number in range(30)]
    began = asyncio.get_running_loop().time()
    found = await each(devices, one, failed=lambda device, error: error.code)
    await transport.close()
    print(set(found), asyncio.get_running_loop().time() - began < 25)

asyncio.run(main())
"""


def test_a_dead_name_server_costs_its_bound_once_and_not_for_each_name(here: Site) -> None:
    """The loop of Python's own pool would take 5 s × 2 for six names at a time: 50 s."""
    resolv = here.folder / "resolv.conf"
    resolv.write_text("nameserver 192.0.2.1\n")
    script = (
        "ip link add sink type veth peer name hole && ip address add 192.0.2.2/24 dev sink &&"
        " ip link set hole up && ip link set sink up &&"
        " ip neighbour add 192.0.2.1 lladdr 02:00:00:00:00:01 dev sink &&"
        f' mount --bind {resolv} "$(realpath /etc/resolv.conf)" && exec {sys.executable} -c "$1" {here.config}'
    )
    done = subprocess.run(
        ["unshare", "--mount", "--net", "sh", "-c", script, "sh", DEAD], capture_output=True, text=True, check=True
    )
    assert done.stdout == "{'name-not-resolved'} True\n"
