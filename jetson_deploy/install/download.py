"""Wheels for another Python and machine, from the package index. pip decides; `wheels.py` checks."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from jetson_deploy.errors import NetworkError
from jetson_deploy.install.target import Target

_SECONDS = 900
"""Ten megabytes over a poor line; pip gives up on a silent one much earlier."""


def download(requirements: Sequence[str], target: Target, directory: Path, pins: Sequence[str]) -> None:
    """Into `directory`, with all they need. `pins`: `name==version`, for those that come up. Raises NetworkError."""
    constraints = directory / "pins.txt"
    constraints.write_text("".join(f"{pin}\n" for pin in pins))
    argv = [*command(target), "--constraint", str(constraints), "--dest", str(directory), *requirements]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=_SECONDS)
        said = done.stderr.strip().splitlines()
        good = done.returncode == 0
    except subprocess.TimeoutExpired:
        said, good = [f"it did not end within {_SECONDS} s"], False
    if not good:
        last = next((line for line in reversed(said) if line.startswith("ERROR")), (said or ["no reason given"])[-1])
        raise NetworkError(
            f"the wheels for {target} could not be fetched: {last.removeprefix('ERROR: ')[:300]}",
            hint="check the network and the package index, or give --wheelhouse DIR with the wheels in it",
            code="wheelhouse-fetch-failed",
        )


def command(target: Target) -> list[str]:
    """pip's own words for it, without what is wanted and where it shall go."""
    words = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"]
    words += ["--timeout", "20", "--retries", "2", "--implementation", "cp"]
    words += ["--python-version", f"{target.python[0]}.{target.python[1]}"]
    words += [word for abi in (target.tag, "abi3", "none") for word in ("--abi", abi)]
    return words + [word for platform in target.platforms() for word in ("--platform", platform)]
