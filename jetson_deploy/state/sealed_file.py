"""One document of the host, in the envelope of a state file: how it is read, and what is said when it cannot be."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from jetson_deploy.errors import PreflightError, ResourceError
from jetson_deploy.state.state_file import unsealed
from jetson_deploy.store.whole_file import read_bounded

ADocument = TypeVar("ADocument", bound=msgspec.Struct)


def load_sealed(path: Path, of: type[ADocument], most_bytes: int, hint: str) -> ADocument | None:
    """None: it is not there. Raises PreflightError: `state-not-readable`; `state-damaged` with this hint."""
    why = "its checksum does not match"
    try:
        content = read_bounded(path, most_bytes)
        body = unsealed(content) if content is not None else None
        if body is not None:
            return msgspec.json.decode(body, type=of)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError as error:
        raise PreflightError(f"{path} cannot be read", hint="run with sudo", code="state-not-readable") from error
    except OSError as error:
        why = str(error.strerror)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        why = ascii(str(error))[1:-1][:200]
    raise PreflightError(f"{path} is damaged: {why}", hint=hint, code="state-damaged")


@contextlib.contextmanager
def writing(path: Path, state_dir: Path) -> Iterator[None]:
    """Raises ResourceError `state-not-writable` for what the disk refuses."""
    try:
        yield
    except OSError as error:
        raise ResourceError(
            f"cannot write {path}: {error.strerror}",
            hint=f"free space there, or mend it: df -h {state_dir}",
            code="state-not-writable",
        ) from error
