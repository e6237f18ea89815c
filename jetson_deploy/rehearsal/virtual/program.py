"""A program that makes a part of a board, and has to succeed."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from jetson_deploy.errors import PreflightError


def run_program(argv: Sequence[str], *, what: str, hint: str, code: str) -> None:
    """Raises PreflightError `code`: `what` failed, and the last thing that it said."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = (done.stderr.strip() or "no reason given").splitlines()[-1]
        raise PreflightError(f"{what} failed: {said[:300]}", hint=hint, code=code)
