"""The plan of a captured board, by the command line."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from forked_cli import ran

HOSTS = Path(__file__).parent.parent / "hosts"


@functools.cache
def plan_of(host: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    done = ran(
        "plan",
        "--json",
        "--root",
        str(host / "root"),
        *arguments,
        environment={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
    )
    return done.returncode, json.loads(done.stdout)
