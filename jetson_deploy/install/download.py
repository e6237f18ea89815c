"""Wheels for another Python and machine, from the package index. pip decides; `wheels.py` checks."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from jetson_deploy.errors import NetworkError, PreflightError
from jetson_deploy.install.target import Target

_SECONDS = 900
"""Ten megabytes over a poor line; pip gives up on a silent one much earlier."""
_LOOK_SECONDS = 0.2
"""Between two looks whether it is to stop."""


def download(
    requirements: Sequence[str], target: Target, directory: Path, pins: Sequence[str], stop: threading.Event
) -> None:
    """Into `directory`, with all they need. `pins`: `name==version`, for those that come up. Raises NetworkError.

    `stop`: set by another thread, it ends pip at once.
    """
    constraints = directory / "pins.txt"
    constraints.write_text("".join(f"{pin}\n" for pin in pins))
    argv = [*command(target), "--constraint", str(constraints), "--dest", str(directory), *requirements]
    said, good = _ran(argv, stop)
    if not good:
        last = next((line for line in reversed(said) if line.startswith("ERROR")), (said or ["no reason given"])[-1])
        raise NetworkError(
            f"the wheels for {target} could not be fetched: {last.removeprefix('ERROR: ')[:300]}",
            hint="check the network and the package index, or give --wheelhouse DIR with the wheels in it",
            code="wheelhouse-fetch-failed",
        )


def _ran(argv: Sequence[str], stop: threading.Event) -> tuple[list[str], bool]:
    """What it said, and whether it did what it was asked for."""
    if stop.is_set():
        return ["interrupted"], False
    ends = time.monotonic() + _SECONDS
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as pip:
        try:
            while True:
                try:
                    _, said = pip.communicate(timeout=_LOOK_SECONDS)
                    return said.strip().splitlines(), pip.returncode == 0
                except subprocess.TimeoutExpired:
                    if stop.is_set():
                        return ["interrupted"], False
                    if time.monotonic() > ends:
                        return [f"it did not end within {_SECONDS} s"], False
        finally:
            pip.kill()


def command(target: Target) -> list[str]:
    """pip's own words for it, without what is wanted and where it shall go. Raises PreflightError `no-pip`."""
    pip = pip_words(Path(sys.prefix), is_there=find_spec("pip") is not None)
    words = [sys.executable, *pip, "download", "--quiet", "--disable-pip-version-check"]
    return [*words, "--timeout", "20", "--retries", "2", *wheels_for(target)]


def wheels_for(target: Target) -> list[str]:
    """Of pip's `download` and `install`: wheels alone, and those of the target."""
    words = ["--only-binary=:all:", "--implementation", "cp"]
    words += ["--python-version", f"{target.python[0]}.{target.python[1]}"]
    words += [word for abi in (target.tag, "abi3", "none") for word in ("--abi", abi)]
    return words + [word for platform in target.platforms() for word in ("--platform", platform)]


def pip_words(environment: Path, *, is_there: bool) -> list[str]:
    """Of what install.sh installed pip is a wheel that was kept; a copy of uv's, pipx's or dpkg's has none."""
    if is_there:
        return ["-m", "pip"]
    kept = sorted((environment / "wheels").glob("pip-*.whl"))
    if kept:
        return [f"{kept[-1]}/pip"]
    raise PreflightError(
        f"{environment} has no pip, which fetches the wheels",
        hint="run it from a clone of the repository, or give --wheelhouse DIR with the wheels in it",
        code="no-pip",
    )
