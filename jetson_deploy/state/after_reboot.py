"""What `prepare` was agreed to do and stands behind a reboot: in a file beside the deployments' states.

All may read it, so that `status` and `doctor` show it without root; what was changed stands in the book of `prepare`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from jetson_deploy.deployment.finding import Finding
from jetson_deploy.deployment.revisions import Actor
from jetson_deploy.errors import PreflightError, ResourceError
from jetson_deploy.state.state_file import sealed, unsealed
from jetson_deploy.store.layout import sync_directory
from jetson_deploy.store.whole_file import read_bounded, replace_whole

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
    try:
        content = read_bounded(path, _MOST_BYTES)
        body = unsealed(content) if content is not None else None
        if body is not None:
            return msgspec.json.decode(body, type=AfterReboot)
        why = "its checksum does not match"
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError as error:
        raise PreflightError(f"{path} cannot be read", hint="run with sudo", code="state-not-readable") from error
    except OSError as error:
        why = str(error.strerror)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        why = ascii(str(error))[1:-1][:200]
    hint = f"move it away: sudo mv {path} {path}.old; then: jetson-deploy prepare"
    raise PreflightError(f"{path} is damaged: {why}", hint=hint, code="state-damaged")


def save(state_dir: Path, waiting: AfterReboot | None) -> None:
    """None: nothing waits any more. Raises ResourceError."""
    path = state_dir / FILE
    try:
        if waiting is not None:
            replace_whole(path, sealed(SCHEMA, waiting))
        elif path.exists():
            path.unlink()
            sync_directory(state_dir)
    except OSError as error:
        raise ResourceError(
            f"cannot write {path}: {error.strerror}",
            hint=f"free space there, or mend it: df -h {state_dir}",
            code="state-not-writable",
        ) from error


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
