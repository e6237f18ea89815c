"""OpenSSH's own sshd, with keys made at run time: on loopback, in a mount namespace with users of its own."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from free_port import free_port

from jetson_deploy.fleet.connect_options import Bounds
from jetson_deploy.fleet.connection import Transport
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.opened import open_transport

Result = TypeVar("Result")
SSHD = "/usr/sbin/sshd"
HERE = "127.0.0.1"
QUIET = "[ ! -e /root/.bashrc ] || mount --bind /dev/null /root/.bashrc"
"""What a developer's own shell does at its start is no part of the tests."""
SMALL = Bounds(login=5, keepalive=0.3, name=1, start=10, ending=1, stall=5)


class Sshd(msgspec.Struct, kw_only=True):
    folder: Path
    port: int
    process: subprocess.Popen[bytes]
    address: str = HERE

    def device(self, name: str = "board", user: str = "root", address: str | None = None) -> Device:
        return Device(name=name, address=address or self.address, port=self.port, user=user)

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def signal(self, number: int) -> None:
        """To the listener and the sessions that are left."""
        for one in (self.process.pid, *children(self.process.pid)):
            with suppress(ProcessLookupError):
                os.kill(one, number)


class Site(msgspec.Struct, kw_only=True):
    """A folder with a user's key and SSH configuration, where sshds are started."""

    folder: Path
    running: list[Sshd]

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"

    @property
    def config(self) -> Path:
        return self.folder / "config"

    @property
    def key(self) -> Path:
        return self.folder / "id"

    def configure(self, more: str = "", key: Path | None = None) -> None:
        self.config.write_text(
            f"{more}\nHost *\n  UserKnownHostsFile {self.known_hosts}\n  GlobalKnownHostsFile none\n"
            f"  IdentityFile {key or self.key}\n  IdentityAgent none\n  IdentitiesOnly yes\n"
        )

    def sshd(self, options: str = "", *, before: str = "", inside: tuple[str, ...] = (), address: str = HERE) -> Sshd:
        """`before`: lines of the shell that run first, in the sshd's own mount namespace; FOLDER is the sshd's own."""
        number = len(self.running)
        folder = self.folder / f"sshd{number}"
        folder.mkdir()
        keygen("-t", "ed25519", "-N", "", "-f", str(folder / "host"))
        port = free_port()
        options, before = (text.replace("FOLDER", str(folder)) for text in (options, before))
        (folder / "sshd_config").write_text(
            f"Port {port}\nListenAddress {address if address != HERE else '0.0.0.0'}\nHostKey {folder / 'host'}\n"
            f"AuthorizedKeysFile {self.folder / 'authorized'}\nStrictModes no\nPidFile none\nUsePAM no\n"
            f"PermitRootLogin yes\nPasswordAuthentication no\nLogLevel VERBOSE\n{options}\n"
        )
        start = f"{QUIET}\n{before}\nexec {SSHD} -D -f {folder / 'sshd_config'} -E {folder / 'log'}"
        process = subprocess.Popen([*inside, "unshare", "--mount", "sh", "-c", start], start_new_session=True)
        found = Sshd(folder=folder, port=port, process=process, address=address)
        self.running.append(found)
        wait_for_port(address, port)
        self.know(found)
        return found

    def know(self, sshd: Sshd, *names: str) -> None:
        key = " ".join((sshd.folder / "host.pub").read_text().split()[:2])
        with self.known_hosts.open("a") as file:
            for name in names or (sshd.address,):
                file.write(f"[{name}]:{sshd.port} {key}\n")

    def asked(self, act: Callable[[Transport], Awaitable[Result]], *, bounds: Bounds = SMALL, **given: Any) -> Result:
        async def acted() -> Result:
            transport = open_transport(ssh_config=self.config, bounds=bounds, **given)
            try:
                return await act(transport)
            finally:
                await transport.close()

        return asyncio.run(acted())


@contextmanager
def site() -> Iterator[Site]:
    folder = Path(tempfile.mkdtemp(prefix="jd-fleet-ssh-", dir="/var/tmp"))
    folder.chmod(0o755)
    Path("/run/sshd").mkdir(exist_ok=True)
    found = Site(folder=folder, running=[])
    try:
        keygen("-t", "ed25519", "-N", "", "-f", str(found.key))
        (folder / "authorized").write_text(found.key.with_suffix(".pub").read_text())
        found.configure()
        yield found
    finally:
        for sshd in found.running:
            sshd.signal(signal.SIGKILL)
            sshd.process.wait()
        shutil.rmtree(folder)


def children(process: int) -> list[int]:
    try:
        here = [int(one) for one in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    except FileNotFoundError:
        return []
    return [*here, *(below for one in here for below in children(one))]


def keygen(*words: str) -> None:
    subprocess.run(["ssh-keygen", "-q", *words], check=True, stdin=subprocess.DEVNULL, capture_output=True)


def wait_for_port(address: str, port: int) -> None:
    end_at = time.monotonic() + 120
    while time.monotonic() < end_at:
        try:
            socket.create_connection((address, port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError(f"no sshd at {address}:{port}")
