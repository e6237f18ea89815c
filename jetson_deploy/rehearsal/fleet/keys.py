"""Keys of a run, made by ssh-keygen and gone with it."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path


def make_key(path: Path, comment: str) -> str:
    """A private key at `path`, 0600; its public key."""
    path.unlink(missing_ok=True)
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)]
    subprocess.run(argv, check=True, capture_output=True)
    return path.with_name(f"{path.name}.pub").read_text()


def make_keys(directory: Path, names: list[str]) -> dict[str, tuple[bytes, str]]:
    """Name → private and public key."""
    with ThreadPoolExecutor(4) as pool:
        public = list(pool.map(lambda name: make_key(directory / name, name), names))
    return {name: ((directory / name).read_bytes(), text) for name, text in zip(names, public, strict=True)}
