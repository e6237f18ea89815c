"""The rollouts that this machine has records of: listed, and named by id or by number."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from jetson_deploy.errors import UsageError

_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{4}")
"""Sorts by time."""


def new_id(now: datetime, token: Callable[[int], str] = secrets.token_hex) -> str:
    """`now`: in UTC."""
    return f"{now:%Y%m%dT%H%M%SZ}-{token(2)}"


def ids(fleet_dir: Path) -> list[str]:
    """Oldest first. Number 1 is the first of them. Raises UsageError: the directory is there and cannot be read."""
    try:
        return sorted(path.name for path in fleet_dir.iterdir() if _ID.fullmatch(path.name))
    except FileNotFoundError:
        return []
    except OSError as error:
        text = f"cannot read the records in {fleet_dir}: {error.strerror}"
        hint = "JETSON_DEPLOY_FLEET_DIR names the directory of records; it must be yours to read"
        raise UsageError(text, hint=hint, code="records-unreadable") from error


def directory_of(fleet_dir: Path, named: str | None) -> Path:
    """By id, by its beginning or end where it is the only one, by number of the list; -1 or None: the last.

    Raises UsageError.
    """
    known = ids(fleet_dir)
    if not known:
        hint = "jetson-deploy fleet up starts one; JETSON_DEPLOY_FLEET_DIR says where records are"
        raise UsageError(f"there is no record of a rollout in {fleet_dir}", hint=hint, code="no-such-rollout")
    number = int(named) if named and re.fullmatch(r"-?\d{1,5}", named) else -1 if named is None else 0
    if 0 < number <= len(known):
        return fleet_dir / known[number - 1]
    if -len(known) <= number < 0:
        return fleet_dir / known[number]
    found = [one for one in known if named and (one.startswith(named) or one.endswith(named))]
    if len(found) == 1:
        return fleet_dir / found[0]
    text = f"{len(found)} rollouts are meant by" if found else "there is no rollout"
    hint = f"jetson-deploy fleet history lists them; the last is {known[-1]}"
    raise UsageError(f"{text} {ascii(named)[:60]}", hint=hint, code="no-such-rollout")
