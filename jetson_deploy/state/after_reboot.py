"""What `prepare` was agreed to do and stands behind a reboot: in a file beside the deployments' states.

All may read it, so that `status` and `doctor` show it without root; what was changed stands in the book of `prepare`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from jetson_deploy.deployment.finding import Finding
from jetson_deploy.deployment.revisions import Actor
from jetson_deploy.errors import PreflightError
from jetson_deploy.state.sealed_file import load_sealed, writing
from jetson_deploy.state.state_file import sealed
from jetson_deploy.store.layout import sync_directory
from jetson_deploy.store.whole_file import replace_whole

FILE = ".after-reboot.json"
"""No deployment's name begins with a dot."""
SCHEMA = "jetson-deploy.after-reboot/1"
_MOST_BYTES = 2**18


class Agreed(msgspec.Struct, frozen=True, kw_only=True):
    step: str
    changes: tuple[str, ...]
    """The lines that were shown."""


class AfterReboot(msgspec.Struct, frozen=True, kw_only=True):
    steps: tuple[Agreed, ...]
    at: str
    """Wall clock, RFC 3339, for people only."""
    by: Actor
    failure: str = ""
    """Of the run at boot; empty: it has not come yet. One that failed is never tried again by itself."""
    hint: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(one.step for one in self.steps)


def load(state_dir: Path) -> AfterReboot | None:
    """None: nothing waits. Raises PreflightError."""
    path = state_dir / FILE
    hint = f"move it away: sudo mv {path} {path}.old; then: jetson-deploy prepare"
    return load_sealed(path, AfterReboot, _MOST_BYTES, hint)


def save(state_dir: Path, waiting: AfterReboot | None) -> None:
    """None: nothing waits any more. Raises ResourceError."""
    path = state_dir / FILE
    with writing(path, state_dir):
        if waiting is not None:
            replace_whole(path, sealed(SCHEMA, waiting))
        elif path.exists():
            path.unlink()
            sync_directory(state_dir)


def findings(state_dir: Path) -> Iterator[Finding]:
    """Nothing where it may not be read: then the deployments' states may not either, and that is said."""
    try:
        waiting = load(state_dir)
    except PreflightError as error:
        if error.code != "state-not-readable":
            yield Finding(id=error.code, severity="warning", evidence=error.message, fix=error.hint)
        return
    if waiting is None:
        return
    names = ", ".join(waiting.names)
    if waiting.failure:
        text = f"after the reboot prepare did not finish {names}: {waiting.failure}"
        yield Finding(id="prepare-after-reboot-failed", severity="warning", evidence=text, fix=waiting.hint)
    else:
        text = f"prepare was agreed to do {names} ({waiting.at}), and goes on with the next boot"
        fix = f"sudo reboot; or not at all: sudo jetson-deploy prepare --undo {' '.join(waiting.names)}"
        yield Finding(id="prepare-waits-for-reboot", severity="warning", evidence=text, fix=fix)
