"""A directory on the disk for one benchmark, and the promise that nothing of it is left."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
TOOL = REPOSITORY / ".venv/bin/jetson-deploy"
_WORK = "/var/tmp"  # not /tmp: what is measured is a disk, and /tmp may be memory
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def refuse(cause: str, hint: str) -> SystemExit:
    """As every script here: one line of cause, one of fix, exit 3."""
    print(f"error: {cause}\nhint: {hint}", file=sys.stderr)
    return SystemExit(3)


def need_root() -> None:
    if os.geteuid() != 0:
        raise refuse("this benchmark needs root: it makes network namespaces", "run it with sudo")


@contextlib.contextmanager
def workplace(need_bytes: int) -> Iterator[Path]:
    """For its user's eyes alone, with room for `need_bytes`; removed at the end, whatever ends it."""
    free = shutil.disk_usage(_WORK).free
    if free < need_bytes:
        raise refuse(
            f"{need_bytes >> 20} MiB are needed in {_WORK}, {free >> 20} MiB are free", "give a smaller --size"
        )
    for number in _ENDING:
        signal.signal(number, _end)
    _forget_settings()
    directory = Path(tempfile.mkdtemp(prefix="jdb-", dir=_WORK))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _forget_settings() -> None:
    """From here on nothing of the user's environment slows one side down or sends it elsewhere."""
    for name in list(os.environ):
        if name.startswith("JETSON_DEPLOY_") or name.lower().endswith("_proxy") or name == "PYTHONDONTWRITEBYTECODE":
            del os.environ[name]


def _end(number: int, _frame: object) -> None:
    """Unwinds, so that every block ends what it started; a second Ctrl-C does not disturb that."""
    for ending in _ENDING:
        signal.signal(ending, signal.SIG_IGN)
    raise SystemExit(128 + number)


def install(why: str, *packages: str) -> None:
    """Debian packages that are missing. Raises SystemExit with the script's own words said."""
    done = subprocess.run([str(REPOSITORY / "scripts/apt-install"), "--for", why, *packages], check=False)
    if done.returncode != 0:
        raise SystemExit(done.returncode)


def note(text: str) -> None:
    """What is going on, for whoever waits."""
    print(text, file=sys.stderr, flush=True)
