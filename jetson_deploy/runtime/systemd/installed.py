"""An Ollama that is installed on this host: where it is, its version, and how it is kept."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from jetson_deploy.errors import IntegrityError, PreflightError
from jetson_deploy.runtime.systemd.kept import PROGRAM, About, hashed, tree_size

PLACES = ("/usr/local/bin/ollama", "/usr/bin/ollama")
"""install.sh prefers the first; packages of distributions take the second."""
_LIBRARIES = "lib/ollama"
_VERSION = re.compile(r"version(?: is)? v?([0-9]{1,4}\.[0-9]{1,4}(?:\.[0-9]{1,4})?[0-9A-Za-z.+-]{0,40})")
_SECONDS = 30.0


def find_installed() -> Path | None:
    """Links followed."""
    found = (Path(place) for place in PLACES)
    return next((path.resolve() for path in found if path.is_file() and os.access(path, os.X_OK)), None)


def about_installed(program: Path) -> About:
    """Raises PreflightError `native-program-unusable`."""
    digest = hashed(program)
    libraries = _libraries(program)
    size = program.stat().st_size + (tree_size(libraries) if libraries.is_dir() else 0)
    version = version_of(program)
    return About(digest=digest, program_digest=digest, version=version, source=str(program), size_bytes=size)


def keep_installed(program: Path, digest: str, into: Path) -> About:
    """Its files in `into`, by links, or copied from another filesystem. Raises IntegrityError: it is another by now."""
    (into / PROGRAM).parent.mkdir()
    _link(program, into / PROGRAM)
    if (libraries := _libraries(program)).is_dir():
        shutil.copytree(libraries, into / _LIBRARIES, symlinks=True, copy_function=_link)
    if hashed(into / PROGRAM) != digest:
        raise IntegrityError(
            f"{program} is not what was planned with ({digest})",
            hint="it was upgraded meanwhile: run up again",
            code="native-program-changed",
        )
    size = tree_size(into)
    version = version_of(into / PROGRAM)
    return About(digest=digest, program_digest=digest, version=version, source=str(program), size_bytes=size)


def version_of(program: Path) -> str:
    """What it says of itself, with a home of its own. Raises PreflightError `native-program-unusable`."""
    with tempfile.TemporaryDirectory() as home:
        # No server is asked: without one that listens there, the answer is the program's own.
        variables = {"HOME": home, "PATH": os.defpath, "OLLAMA_HOST": "127.0.0.1:1"}
        try:
            done = subprocess.run(
                [str(program), "--version"],
                env=variables,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_SECONDS,
                check=False,
            )
            said = done.stdout + done.stderr
        except (OSError, subprocess.TimeoutExpired) as error:
            said = str(error)
    found = _VERSION.search(said)
    if found is None:
        line = next(iter(said.strip().splitlines()), "it says nothing")
        raise PreflightError(
            f"{program} does not say which Ollama it is: {line[:200]}",
            hint="an Ollama for this machine's processor is needed; `ollama --version` shows what it says",
            code="native-program-unusable",
        )
    return found[1]


def _libraries(program: Path) -> Path:
    """Where the program itself looks for them."""
    return program.parent.parent / _LIBRARIES


def _link(source: str | Path, target: str | Path) -> None:
    with contextlib.suppress(OSError):
        os.link(source, target, follow_symlinks=False)
        return
    shutil.copy2(source, target, follow_symlinks=False)
