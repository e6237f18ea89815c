"""A deployment under a real systemd with a real HAProxy before a real Ollama, in a network namespace of its own."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from busybox_engine import spec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from private_engine import import_busybox, private_engine
from real_ollama import MODEL, binary, write_store
from small_systemd import SmallSystemd, booted

from jetson_deploy.deployment.record import LABEL
from jetson_deploy.runtime.docker.runtime import DockerRuntime

ADDRESS = "192.0.2.10"
"""Of the board on its network (TEST-NET-1: routed nowhere)."""
DOOR = f"{ADDRESS}:8443"
SERVER_PORT = 21434
UNIT = "jetson-deploy-expose@default.service"
_BARE = {"PATH": os.environ["PATH"], "HOME": "/root", "SYSTEMD_UNIT_PATH": "/etc/systemd/system"}


class Server:
    """Ollama on the board's loopback."""

    def __init__(self, systemd: SmallSystemd, folder: Path) -> None:
        self._enter = ["nsenter", f"--target={systemd.pid}", "--net"]
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        address = f"127.0.0.1:{SERVER_PORT}"
        variables = {
            "OLLAMA_HOST": address,
            "OLLAMA_MODELS": str(self._folder / "models"),
            "OLLAMA_NOPRUNE": "1",
            "OLLAMA_CONTEXT_LENGTH": "1024",
            "OLLAMA_NUM_PARALLEL": "1",
            "OLLAMA_KEEP_ALIVE": "30m",
            "HOME": str(self._folder),
        }
        log = self._folder / "ollama.log"
        with log.open("ab") as out:
            process = subprocess.Popen(
                [*self._enter, binary(), "serve"], env={**_BARE, **variables}, stdout=out, stderr=out
            )
        self._process = process
        deadline = time.monotonic() + 120
        while not self._answers(address):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=120)

    def _answers(self, address: str) -> bool:
        asked = [*self._enter, "curl", "-sf", f"http://{address}/api/version"]
        return subprocess.run(asked, env=_BARE, capture_output=True, check=False).returncode == 0


class Answer:
    def __init__(self, status: int, headers: str, body: str) -> None:
        self.status, self.headers, self.body = status, headers, body


class ExposedBoard:
    def __init__(self, systemd: SmallSystemd, host: str, folder: Path) -> None:
        self.systemd, self.folder, self.server = systemd, folder, Server(systemd, folder)
        self.state = folder / "state"
        self.door = self.state / "default" / "door"
        self.ca = self.door / "ca.pem"
        self._environment = {
            **_BARE,
            "DOCKER_HOST": host,
            "JETSON_DEPLOY_STATE_DIR": str(self.state),
            "JETSON_DEPLOY_LOCK_DIR": str(folder / "lock"),
        }

    def begin(self, *argv: str, **more: str) -> subprocess.Popen[str]:
        """On the board's network alone: its process can be killed, and not only the nsenter before it."""
        enter = ["nsenter", f"--target={self.systemd.pid}", "--net"]
        environment = {**self._environment, **more}
        return subprocess.Popen(
            [*enter, *argv], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def does(self, *argv: str, **more: str) -> subprocess.CompletedProcess[str]:
        enter = ["nsenter", f"--target={self.systemd.pid}", "--mount", "--pid", "--net"]
        environment = {**self._environment, **more}
        return subprocess.run(
            [*enter, *argv], env=environment, capture_output=True, text=True, check=False, timeout=300
        )

    def said(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        """The real command line."""
        return self.does(sys.executable, "-m", "jetson_deploy", *words, **more)

    def ran(self, *words: str) -> dict[str, Any]:
        """What a command that must succeed says as JSON."""
        done = self.said(*words, "--json")
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def expose(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        return self.said("expose", *words, "--yes", **more)

    def key(self, name: str, *words: str) -> str:
        done = self.said("key", "create", name, *words)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def curl(
        self, path: str, *words: str, key: str | None = None, body: object = None, ca: Path | None = None
    ) -> Answer:
        """As a client on the network asks, who trusts the CA alone. Status 0: no HTTP answer."""
        argv = ["curl", "-sS", "-i", "--max-time", "120", "--cacert", str(ca or self.ca), f"https://{DOOR}{path}"]
        argv += [*words, *(["-H", f"Authorization: Bearer {key}"] if key else [])]
        argv += ["-H", "Content-Type: application/json", "-d", json.dumps(body)] if body is not None else []
        done = self.does(*argv)
        if done.returncode != 0:
            return Answer(0, "", done.stderr)
        headers, _, text = done.stdout.partition("\n\n")
        return Answer(int(headers.split()[1]), headers.lower(), text)

    def listening(self) -> set[str]:
        """Off loopback: what a sweep from the network would find."""
        found = self.systemd.run("ss", "-Htln")
        local = {line.split()[3] for line in found.splitlines()}
        return {where for where in local if not where.startswith(("127.", "[::1]"))}

    def files(self) -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in self.door.rglob("*") if path.is_file()}

    def versions(self) -> list[str]:
        return [path.name for path in self.door.glob("v*")]

    def finding_ids(self) -> set[str]:
        return {one["id"] for one in json.loads(self.said("status", "--json").stdout)["findings"]}

    def follows(self, port: int) -> None:
        """What a cutover to that port does at its end."""
        program = f"""
from jetson_deploy.deploy.door.follow import follow
from jetson_deploy.deployment.record import Record
from jetson_deploy.settings import Settings
labels = {{"io.jetson-deploy.name": "default", "io.jetson-deploy.port": "{port}", "io.jetson-deploy.parallel": "1"}}
follow(Settings.from_environment(), Record.read(labels), print)
"""
        done = self.does(sys.executable, "-c", program)
        assert f"leads to port {port}" in done.stdout, (done.stdout, done.stderr)

    def settles(self) -> None:
        """`recover` after a kill; the deployment itself is not what was being changed."""
        done = self.said("recover")
        assert done.returncode == 0, done.stderr

    def close(self) -> None:
        done = self.said("unexpose", "--forget-keys")
        assert done.returncode == 0, done.stderr

    def without_haproxy(self, *words: str) -> subprocess.CompletedProcess[str]:
        """In a mount namespace where a file that is no program lies over it."""
        nothing = self.folder / "nothing"
        nothing.touch(mode=0o644)
        script = f'mount --bind {nothing} /usr/sbin/haproxy && exec "$@"'
        return self.does("unshare", "-m", "sh", "-c", script, "sh", sys.executable, "-m", "jetson_deploy", *words)

    @contextlib.contextmanager
    def without_server(self) -> Iterator[None]:
        self.server.stop()
        try:
            yield
        finally:
            self.server.start()

    @contextlib.contextmanager
    def streaming(self, key: str, tokens: int) -> Iterator[Stream]:
        argv = ["curl", "-sS", "-N", "--cacert", str(self.ca), f"https://{DOOR}/api/chat"]
        argv += ["-H", f"X-Api-Key: {key}", "-H", "Content-Type: application/json", "-d", json.dumps(chat(tokens))]
        process = self.begin(*argv)
        try:
            yield Stream(process)
        finally:
            process.kill()
            process.communicate()

    @contextlib.contextmanager
    def listener(self, port: int) -> Iterator[None]:
        program = f"import socket; s = socket.create_server(('{ADDRESS}', {port})); print('on', flush=True); s.accept()"
        process = self.begin(sys.executable, "-c", program)
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "on\n"
            yield
        finally:
            process.kill()
            process.communicate()


class Stream:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def rest(self) -> list[str]:
        assert self._process.stdout is not None
        return self._process.stdout.read().splitlines()


def chat(tokens: int) -> dict[str, Any]:
    messages = [{"role": "user", "content": "Count from one to one thousand."}]
    return {"model": MODEL, "messages": messages, "stream": True, "options": {"num_predict": tokens, "num_ctx": 1024}}


@contextlib.contextmanager
def exposed_board() -> Iterator[ExposedBoard]:
    if shutil.which("haproxy", path=f"{os.environ['PATH']}:/usr/sbin") is None:
        pytest.skip("no haproxy here (scripts/apt-install haproxy)")
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="jdx", dir="/tmp")))
        engine = stack.enter_context(private_engine())
        with contextlib.closing(engine.client()) as client:
            import_busybox(client, "busybox", "1")
        (folder / "units").mkdir()
        (folder / "units" / "other.service").write_text("[Service]\nType=oneshot\nExecStart=/bin/true\n")
        drop_in = folder / "units" / "jetson-deploy-expose@.service.d"
        drop_in.mkdir()
        # There is no journal in this small systemd.
        (drop_in / "log.conf").write_text(f"[Service]\nStandardOutput=append:{folder}/haproxy.log\n")
        systemd = stack.enter_context(booted(folder, ("other.service",)))
        systemd.run("ip", "link", "set", "lo", "up")
        systemd.run("ip", "address", "add", f"{ADDRESS}/32", "dev", "lo")
        board = ExposedBoard(systemd, engine.host, folder)
        digest = write_store(folder / "models")
        stack.callback(board.server.stop)
        board.server.start()
        labels = {"name": "default", "image": "busybox:1", "model": MODEL, "model-digest": digest, "revision": "1"}
        labels |= {"store": str(folder / "models"), "port": str(SERVER_PORT), "parallel": "1", "accept-cpu": "true"}
        script = "exec sleep 100000"
        runtime = DockerRuntime(engine.host)
        runtime.create(
            "jd-default-1",
            spec(folder / "models", script, restart="always", labels={LABEL + name: v for name, v in labels.items()}),
        )
        runtime.start("jd-default-1")
        yield board


def written_certificate(folder: Path, ends: datetime) -> tuple[Path, Path]:
    """Of board.example.com, signed by itself: its file and its key's."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "board.example.com")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(ends - timedelta(days=200))
        .not_valid_after(ends)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("board.example.com")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir()
    public, private = folder / "certificate.pem", folder / "key.pem"
    public.write_bytes(made.public_bytes(Encoding.PEM))
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return public, private
