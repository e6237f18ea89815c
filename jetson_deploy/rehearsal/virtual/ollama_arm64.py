"""The real Ollama for aarch64, cross-built once with Go and g++-aarch64-linux-gnu: what a virtual board serves.

With the dot product instructions, which every core of an Orin has, but without those for half floats: an emulated
machine computes those in software.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from jetson_deploy.errors import PreflightError
from jetson_deploy.events import Note, Reporter
from jetson_deploy.file_lock import try_lock
from jetson_deploy.rehearsal.cache import cache_directory
from jetson_deploy.rehearsal.filling import Binary
from jetson_deploy.rehearsal.ollama_binary import BUILD_SECONDS, MODULE, VERSION, go_compiler
from jetson_deploy.units import size_text

TRIPLE = "aarch64-linux-gnu"
FLAGS = "-O2 -march=armv8.2-a+dotprod"
LIBRARIES = (
    *("ld-linux-aarch64.so.1", "libc.so.6", "libm.so.6", "libstdc++.so.6", "libgcc_s.so.1"),
    *("libdl.so.2", "libpthread.so.0", "libresolv.so.2", "librt.so.1"),
)
"""What it is linked with, of the cross compiler."""
KEPT = 30 * 10**6
"""Bytes of what stays, about."""
_LIBRARIES = f"/lib/{TRIPLE}"
_PLACES = {"ld-linux-aarch64.so.1": "/lib"}
"""In the image, where the loader looks."""
_AARCH64 = 183
"""`e_machine` of an ELF file."""


def arm64_ollama(report: Reporter) -> Binary:
    """From the cache. Raises PreflightError when it cannot be built. Of two processes the second waits."""
    folder = kept_folder()
    if not folder.is_dir():
        with (cache_directory() / "ollama-arm64.lock").open("w") as lock:
            while not try_lock(lock.fileno()):
                time.sleep(1)
            if not folder.is_dir():
                text = (
                    f"cross-building Ollama {VERSION} for aarch64 once, {size_text(KEPT)} in {folder}; 5 to 25 minutes"
                )
                report(Note(level="info", text=text))
                _build(folder)
    inside = {f"{_PLACES.get(name, _LIBRARIES)}/{name}": folder / name for name in LIBRARIES}
    return Binary(path=folder / "ollama", libraries=inside)


def kept_folder() -> Path:
    """Where it stands once it is built, its libraries beside it: one for each recipe."""
    return cache_directory() / f"ollama-{VERSION}-arm64-{_recipe()}"


def _recipe() -> str:
    return hashlib.sha256("\n".join((*_argv("go"), FLAGS, *LIBRARIES)).encode()).hexdigest()[:12]


def _argv(go: str) -> list[str]:
    stamp = f"-s -w -X={MODULE}/version.Version={VERSION}"
    return [go, "install", "-p", "2", "-ldflags", stamp, f"{MODULE}@v{VERSION}"]


def _build(target: Path) -> None:
    if shutil.which(f"{TRIPLE}-g++") is None:
        raise PreflightError(
            "building Ollama for aarch64 needs a cross compiler",
            hint=f"sudo apt-get install -y g++-{TRIPLE}",
            code="no-compiler",
        )
    go = go_compiler()
    with tempfile.TemporaryDirectory(dir=cache_directory(), prefix="ollama-arm64-") as work:
        _install(go, Path(work))
        made = Path(work) / "made"
        made.mkdir()
        # Go refuses GOBIN for another machine than this one.
        (Path(work) / "gopath" / "bin" / "linux_arm64" / "ollama").rename(made / "ollama")
        check_machine(made / "ollama")
        for name in LIBRARIES:
            shutil.copyfile(_library(name), made / name)
        made.rename(target)


def _library(name: str) -> str:
    """Where the compiler has it. Raises PreflightError."""
    argv = [f"{TRIPLE}-gcc", f"-print-file-name={name}"]
    found = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()
    if not Path(found).is_file():
        raise PreflightError(
            f"the cross compiler has no {name}", hint=f"sudo apt-get install -y g++-{TRIPLE}", code="no-compiler"
        )
    return found


def _install(go: str, work: Path) -> None:
    modules = subprocess.run([go, "env", "GOMODCACHE"], capture_output=True, text=True, check=True).stdout.strip()
    environment = {**os.environ, "GOPATH": str(work / "gopath"), "GOMODCACHE": modules, "GOFLAGS": "-trimpath"}
    environment |= {"GOOS": "linux", "GOARCH": "arm64", "CGO_ENABLED": "1", "CGO_CFLAGS": FLAGS, "CGO_CXXFLAGS": FLAGS}
    environment |= {"CC": f"{TRIPLE}-gcc", "CXX": f"{TRIPLE}-g++"}
    environment.pop("GOBIN", None)
    argv = _argv(go)
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, check=False, env=environment, timeout=2 * BUILD_SECONDS
        )
        code, said = done.returncode, done.stderr
    except subprocess.TimeoutExpired:
        code, said = 124, f"it did not end within {2 * BUILD_SECONDS // 60} minutes"
    if code != 0:
        last = (said.strip() or "no reason given").splitlines()[-1]
        raise PreflightError(
            f"building Ollama {VERSION} for aarch64 failed: {last[:300]}",
            hint=f"try it by hand: GOOS=linux GOARCH=arm64 CGO_ENABLED=1 CC={TRIPLE}-gcc {' '.join(argv)}",
            code="ollama-build-failed",
        )


def check_machine(binary: Path) -> None:
    """It cannot be asked for its version here: what it is for stands in its header."""
    with binary.open("rb") as file:
        header = file.read(20)
    if header[:4] != b"\x7fELF" or int.from_bytes(header[18:20], "little") != _AARCH64:
        raise PreflightError(
            "what Go built is no program for aarch64",
            hint="report this: the compilers of this machine do not build for the machine that they name",
            code="ollama-build-failed",
        )
