"""A private Docker Engine and registry in an own network namespace, for the tests of `engine/`.

The recipe was measured on Debian 12 (dockerd 20.10): `nsenter`, not `ip netns exec`, which would hide
the cgroups; short paths, because a unix socket's path has at most 108 bytes; one download attempt, because
the engine's own retries cost 15 seconds.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import signal
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
from freezing import freeze

from jetson_deploy.rehearsal.engine import SHIMS
from jetson_deploy.rehearsal.processes import kill_trees, running
from jetson_deploy.runtime.opened import runtime_at

_BUSYBOX = Path("/bin/busybox")
_APPLETS = ("sh", "sleep", "echo", "cat", "true", "false", "id", "ls", "kill")
_REGISTRY_YML = """\
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {data}}}}}
http: {{addr: 127.0.0.1:5000}}
"""


_HOOK_SHIM = """\
#!/usr/bin/env python3
# Adds a prestart hook that fails as NVIDIA's does without its driver, then runs runc.
import json, os, sys
arguments = sys.argv[1:]
if "create" in arguments:
    bundle = arguments[arguments.index("--bundle") + 1] if "--bundle" in arguments else "."
    path = os.path.join(bundle, "config.json")
    config = json.load(open(path))
    text = "nvidia-container-cli: initialization error: nvml error: driver not loaded"
    hook = {"path": "/bin/sh", "args": ["sh", "-c", "echo " + text + " >&2; exit 1"]}
    config.setdefault("hooks", {})["prestart"] = [hook]
    json.dump(config, open(path, "w"))
os.execv("/usr/sbin/runc", ["runc", *arguments])
"""

_CDI_SHIM = """\
#!/usr/bin/env python3
# Refuses as NVIDIA's runtime 1.18 did where no CDI specification names the GPU (nvidia-container-toolkit#1853).
import json, os, sys
arguments = sys.argv[1:]
if "create" not in arguments:
    os.execv("/usr/sbin/runc", ["runc", *arguments])
text = "could not apply required modification to OCI specification: error modifying OCI spec: "
text += "failed to inject CDI devices: unresolvable CDI devices runtime.nvidia.com/gpu=all"
with open(arguments[arguments.index("--log") + 1], "a") as log:
    log.write(json.dumps({"level": "error", "msg": text, "time": "2026-01-01T00:00:00Z"}) + "\\n")
sys.exit(1)
"""

_ENDING_SHIM = """\
#!/usr/bin/env python3
# Where `end-in-update` lies beside it, once: the container's process is killed while the engine updates it.
import json, os, pathlib, signal, subprocess, sys, time
arguments = sys.argv[1:]
if "update" in arguments and (mark := pathlib.Path(sys.argv[0]).with_name("end-in-update")).exists():
    mark.unlink()
    asking = [*arguments[:arguments.index("update")], "state", arguments[-1]]
    state = subprocess.run(["runc", *asking], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True).stdout
    process = pathlib.Path("/proc", str(json.loads(state)["pid"]), "stat")
    os.kill(int(process.parent.name), signal.SIGKILL)
    while process.exists() and process.read_text().rpartition(")")[2].split()[0] != "Z":
        time.sleep(0.01)
os.execv("/usr/sbin/runc", ["runc", *arguments])
"""


def wait_until(true: Callable[[], bool], what: str, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        time.sleep(0.05)


class PrivateEngine:
    """dockerd, docker-registry on 127.0.0.1:5000, both in the network namespace `jdt-<pid>`."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="jdt", dir="/tmp"))
        self.namespace = f"jdt-{os.getpid()}-{self.folder.name[3:7]}"
        self.socket = self.folder / "d.sock"
        self.host = f"unix://{self.socket}"
        self.registry_data = self.folder / "registry"
        self._engine: subprocess.Popen[bytes] | None = None
        self._registry: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        _run("ip", "netns", "add", self.namespace)
        _run(*self.inside("ip", "link", "set", "lo", "up"))
        self._write_configuration()
        self.start_registry()
        self.start_engine()

    def _write_configuration(self) -> None:
        shim = self.folder / "nvidia-shim"
        shim.write_text('#!/bin/sh\nexec /usr/sbin/runc "$@"\n')
        shim.chmod(0o755)
        broken = self.folder / "broken-shim"
        broken.write_text("#!/bin/sh\nexit 1\n")
        broken.chmod(0o755)
        hook = self.folder / "hook-shim"
        hook.write_text(_HOOK_SHIM)
        hook.chmod(0o755)
        ending = self.folder / "ending-shim"
        ending.write_text(_ENDING_SHIM)
        ending.chmod(0o755)
        cdi = self.folder / "cdi-shim"
        cdi.write_text(_CDI_SHIM)
        cdi.chmod(0o755)
        shims = {"nvidia": shim, "broken": broken, "hook": hook, "ending": ending, "cdi": cdi}
        runtimes = {name: {"path": str(path)} for name, path in shims.items()}
        (self.folder / "daemon.json").write_text(json.dumps({"runtimes": runtimes}))
        (self.folder / "registry.yml").write_text(_REGISTRY_YML.format(data=self.registry_data))

    def inside(self, *command: str) -> tuple[str, ...]:
        """The command, in this engine's network namespace."""
        return ("nsenter", f"--net=/run/netns/{self.namespace}", *command)

    def _spawn(self, log: str, *command: str) -> subprocess.Popen[bytes]:
        with (self.folder / log).open("ab") as out:
            return subprocess.Popen(self.inside(*command), stdout=out, stderr=out, start_new_session=True)

    def start_registry(self) -> None:
        self._registry = self._spawn("registry.log", "docker-registry", "serve", str(self.folder / "registry.yml"))

    def kill_registry(self) -> None:
        assert self._registry is not None
        self._registry.kill()
        self._registry.wait()
        self._registry = None

    def start_engine(self) -> None:
        # dockerd dies with its containerd but leaves the pid file, which the next one would trust.
        (self.folder / "exec/containerd/containerd.pid").unlink(missing_ok=True)
        folder = self.folder
        self._engine = self._spawn(
            *("engine.log", "dockerd", "--config-file", f"{folder}/daemon.json"),
            *("--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec"),
            *("--pidfile", f"{folder}/d.pid", "-H", self.host, "--storage-driver", "overlay2"),
            *("--insecure-registry", "127.0.0.0/8", "--log-level", "warn"),
            *("--max-download-attempts", "1"),
        )
        wait_until(self._answers, "dockerd is up")

    def _answers(self) -> bool:
        return runtime_at(self.host).facts().problem is None

    def client(self, timeout: int = 20) -> docker.APIClient:
        return docker.APIClient(base_url=self.host, version="auto", timeout=timeout)

    def signal_engine(self, number: signal.Signals) -> None:
        assert self._engine is not None
        os.kill(self._engine.pid, number)

    def freeze_engine(self) -> None:
        assert self._engine is not None
        freeze(self._engine.pid)

    def kill_engine(self) -> None:
        self.signal_engine(signal.SIGKILL)
        assert self._engine is not None
        self._engine.wait()
        (self.folder / "d.pid").unlink(missing_ok=True)
        time.sleep(0.3)  # its containerd gets the parent-death signal

    def teardown(self) -> None:
        _end(self._engine)
        _end(self._registry)
        # Of containers that a killed engine forgot: their shims outlive it, and what they started.
        kill_trees([pid for word in SHIMS for pid in running(self.folder, word)])
        mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
        for mount in sorted((m for m in mounts if m.startswith(str(self.folder))), reverse=True):
            subprocess.run(["umount", "-l", mount], check=False, capture_output=True)
        _run("ip", "netns", "del", self.namespace)
        shutil.rmtree(self.folder, ignore_errors=True)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def _end(process: subprocess.Popen[bytes] | None) -> None:
    if process is None or process.poll() is not None:
        return
    process.send_signal(signal.SIGCONT)
    process.terminate()
    try:
        process.wait(timeout=15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextlib.contextmanager
def private_engine() -> Iterator[PrivateEngine]:
    engine = PrivateEngine()
    try:
        engine.start()
        yield engine
    finally:
        engine.teardown()


def busybox_tar() -> bytes:
    """A root file system of one static binary."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for folder in ("bin", "tmp", "proc", "sys", "dev", "etc", "data"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
        tar.add(_BUSYBOX, "bin/busybox")
        for applet in _APPLETS:
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    return out.getvalue()


def import_busybox(client: docker.APIClient, repository: str, tag: str) -> None:
    client.import_image_from_data(busybox_tar(), repository=repository, tag=tag)


def push(client: docker.APIClient, repository: str, tag: str) -> str:
    """Push and return the manifest's digest."""
    digest = ""
    for event in client.push(repository, tag=tag, stream=True, decode=True):
        assert "error" not in event, event
        digest = (event.get("aux") or {}).get("Digest", digest)
    return digest
