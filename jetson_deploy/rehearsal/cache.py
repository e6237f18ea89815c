"""Things built or fetched once: under $XDG_CACHE_HOME/jetson-deploy/rehearsal, or ~/.cache/…"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from jetson_deploy.errors import NetworkError


def cache_directory() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    directory = Path(base) / "jetson-deploy" / "rehearsal"
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def pip(*arguments: str) -> None:
    """Run pip. Raises NetworkError with its last line."""
    argv = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = (done.stderr.strip() or "no reason given").splitlines()[-1]
        raise NetworkError(
            f"pip {arguments[0]} failed: {last[:300]}",
            hint="a rehearsal fetches Ollama and small weights once; check the network and the package index",
            code="rehearsal-fetch-failed",
        )
