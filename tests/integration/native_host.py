"""A host with its own systemd and journal, an Ollama that is installed there, and no container engine.

with native_host(tmp_path) as host:
    host.deploy("up", MODEL, "--runtime", "native", "--accept-cpu")
    host = host.rebooted()
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from real_ollama import MODEL, binary, write_store
from small_systemd import SmallSystemd, booted

from jetson_deploy.rehearsal.session import Session

BOARD = Path(__file__).parents[1] / "hosts/orin-nano-8gb-jp6.2/root"
PORT = 11434
_JOURNAL = ("systemd-journald.service", "systemd-journald.socket", "systemd-journald-dev-log.socket")
_SERVICE = """\
[Unit]
Description=Ollama Service

[Service]
ExecStart=/usr/local/bin/ollama serve
User=ollama
Group=ollama
Restart=always
RestartSec=3

[Install]
WantedBy=multi-user.target
"""
"""As upstream's install.sh writes it."""
_UID = 997


class NativeHost:
    def __init__(self, folder: Path, systemd: SmallSystemd, session: Session | None = None) -> None:
        """`session`: a rehearsal beside it, with an engine."""
        self.folder, self.systemd, self.session = folder, systemd, session
        self.units = Path(f"/proc/{systemd.pid}/root/etc/systemd/system")

    @property
    def store(self) -> Path:
        return self.session.store if self.session else self.folder / "ollama/.ollama/models"

    @property
    def environment(self) -> dict[str, str]:
        if self.session:
            return self.session.environment()
        return {
            "PATH": os.environ["PATH"],
            "LC_ALL": "C.UTF-8",
            "JETSON_DEPLOY_STATE_DIR": str(self.folder / "state"),
            "JETSON_DEPLOY_LOCK_DIR": str(self.folder / "lock"),
            "JETSON_DEPLOY_REHEARSAL": "the board",
            "JETSON_DEPLOY_STABILITY_SECONDS": "0",
            "PYTHONPATH": ":".join(p for p in sys.path if p),
        }

    def deploy(self, *arguments: str, code: int = 0, **more: str) -> dict[str, Any]:
        """The command, typed there; its document."""
        done = self.typed(*arguments, "--json", **more)
        assert done.returncode == code, (arguments, done.returncode, done.stdout, done.stderr)
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def typed(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.argv(*arguments),
            env={**self.environment, **more},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def argv(self, *arguments: str) -> list[str]:
        enter = ["nsenter", f"--target={self.systemd.pid}", "--mount", "--pid", "--net", "--cgroup"]
        return [
            *enter,
            sys.executable,
            "-m",
            "jetson_deploy",
            *arguments,
            "--root",
            str(self.session.root if self.session else BOARD),
        ]

    def serving(self) -> str:
        """Unit of what serves; its record's container."""
        return f"jetson-deploy-{self.record()['id']}.service"

    def record(self) -> dict[str, Any]:
        """Of the instance that starts at boot."""
        found = [json.loads(path.read_text()) for path in self.units.glob("jetson-deploy-*.json")]
        wants = self.units / "multi-user.target.wants"
        (one,) = (one for one in found if (wants / f"jetson-deploy-{one['id']}.service").is_symlink())
        return dict(one)

    def tokens(self, model: str = MODEL) -> str:
        """Of a real answer."""
        asked = json.dumps({"model": model, "prompt": "Hello", "stream": False, "options": {"num_predict": 4}})
        url = f"http://127.0.0.1:{PORT}/api/generate"
        patience = ("--max-time", "120", "--retry", "120", "--retry-delay", "1", "--retry-connrefused")
        answer = self.systemd.run("curl", "-sS", *patience, url, "-d", asked)  # a unit runs before its server listens
        return str(json.loads(answer)["response"])

    def keep_units(self) -> None:
        """What lies on its disk: the units are copied there at boot."""
        shutil.rmtree(self.folder / "units")
        shutil.copytree(self.units, self.folder / "units", symlinks=True)


@contextlib.contextmanager
def native_folder() -> Iterator[Path]:
    """Not below /tmp of a user: the server, another user, must be able to enter it."""
    made = Path(tempfile.mkdtemp(prefix="jdn", dir="/var/tmp"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


def until(holds: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def snapshot(host: NativeHost) -> dict[str, str]:
    """Every unit file and link there, by its content."""
    found = (path for path in host.units.rglob("*") if path.is_symlink() or path.is_file())
    return {
        str(path.relative_to(host.units)): str(path.readlink()) if path.is_symlink() else path.read_text()
        for path in found
    }


@contextlib.contextmanager
def native_host(folder: Path, *, service: bool = False, first: bool = True) -> Iterator[NativeHost]:
    """`service`: an `ollama.service` runs there. `first`: else the same host is booted once more."""
    if first:
        _make(folder, service=service)
    else:
        shutil.rmtree(folder / "units/multi-user.target.wants.kept", ignore_errors=True)
    with booted(folder, (_JOURNAL[0], _JOURNAL[1])) as systemd:
        for line in _setup(folder).splitlines():
            systemd.run("sh", "-c", line)
        if service and first:
            systemd.systemctl("enable", "--now", "ollama.service")
        yield NativeHost(folder, systemd)


@contextlib.contextmanager
def beside_engine(folder: Path, session: Session) -> Iterator[NativeHost]:
    """A host's systemd and installed Ollama in the network of a rehearsal, whose engine it has."""
    _make(folder, service=False)
    with booted(folder, (_JOURNAL[0], _JOURNAL[1]), session.namespace.name) as systemd:
        for line in _setup(folder).splitlines():
            systemd.run("sh", "-c", line)
        yield NativeHost(folder, systemd, session)


def _make(folder: Path, *, service: bool) -> None:
    units = folder / "units"
    units.mkdir(parents=True)
    for name in _JOURNAL:
        shutil.copy(f"/lib/systemd/system/{name}", units / name)
    (units / "sockets.target").write_text("[Unit]\nDefaultDependencies=no\n")
    if service:
        (units / "ollama.service").write_text(_SERVICE)
    for name, line in (
        ("passwd", f"ollama:x:{_UID}:{_UID}::{folder}/ollama:/bin/false\n"),
        ("group", f"ollama:x:{_UID}:\n"),
    ):
        (folder / name).write_text(Path(f"/etc/{name}").read_text() + line)
    (folder / "lock").mkdir()
    write_store(folder / "ollama/.ollama/models")
    for path in (folder / "ollama", *(folder / "ollama").rglob("*")):
        os.chown(path, _UID, _UID)
    folder.chmod(0o755)


def _setup(folder: Path) -> str:
    return f"""\
ip link set lo up
mkdir -p /run/over && mount -t tmpfs tmpfs /run/over && mkdir /run/over/up /run/over/work
mount -t overlay overlay -o lowerdir=/usr/local,upperdir=/run/over/up,workdir=/run/over/work /usr/local
cp {binary()} /usr/local/bin/ollama && chmod 755 /usr/local/bin/ollama
if [ -e /usr/sbin/dockerd ]; then mount --bind /dev/null /usr/sbin/dockerd; fi
if [ -e /usr/bin/dockerd ]; then mount --bind /dev/null /usr/bin/dockerd; fi
mount --bind {folder}/passwd /etc/passwd
mount --bind {folder}/group /etc/group
"""
