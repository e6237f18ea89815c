"""What another shell asks of the controller that works on a rollout: to pause, to go on, to end."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Literal, TypeAlias

from jetson_deploy.errors import PreflightError

Wish: TypeAlias = Literal["pause", "abort"]
FILE = "control"


def ask(directory: Path, wish: Wish) -> None:
    """Renamed into place: the controller reads one wish or the other, never a part. Raises PreflightError."""
    temporary = directory / f"{FILE}.{os.getpid()}"
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with open(descriptor, "w", encoding="ascii") as file:  # noqa: PTH123 - opened above
            file.write(wish)
        temporary.replace(directory / FILE)
    except OSError as error:
        hint = "free space there, or interrupt the controller: the devices go on, fleet resume takes it up"
        text = f"cannot write {directory / FILE}: {error.strerror}"
        raise PreflightError(text, hint=hint, code="record-unwritable") from error


def withdraw(directory: Path) -> bool:
    """False: nothing had been asked."""
    try:
        (directory / FILE).unlink()
    except OSError:
        return False
    return True


def asked(directory: Path) -> Wish | None:
    with contextlib.suppress(OSError):
        text = (directory / FILE).read_text(encoding="ascii", errors="replace")
        if text == "pause":
            return "pause"
        if text == "abort":
            return "abort"
    return None
