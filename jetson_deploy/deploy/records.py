"""What the deployments of this host have on record; unlike `StateDirectory.read`, no record is passed over."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from jetson_deploy.deploy.state import Record
from jetson_deploy.errors import PreflightError, UnhealthyError
from jetson_deploy.names import ModelName


def all_records(state_dir: Path) -> dict[str, Record]:
    """Deployment → its record. Raises PreflightError `state-not-readable`, naming the file."""
    try:
        names = sorted(os.listdir(state_dir))  # noqa: PTH208 - names, not paths
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise _unreadable(state_dir, error.strerror or "") from error
    found = {name: _record(state_dir / name / "state.json") for name in names}
    return {name: record for name, record in found.items() if record is not None}


def wanted_manifests(state_dir: Path) -> frozenset[str] | None:
    """Digests of the manifests that deployments were proven with; None when one does not say: any may be meant.

    Raises PreflightError `state-not-readable`.
    """
    digests = [record.model_digest for record in all_records(state_dir).values()]
    return None if None in digests else frozenset(digest for digest in digests if digest is not None)


def check_not_deployed(name: ModelName, store: Path, state_dir: Path) -> None:
    """Raises UnhealthyError `model-deployed`, PreflightError `state-not-readable`."""
    for deployment, record in all_records(state_dir).items():
        if record.model == name.short and _same(Path(record.store), store):
            raise UnhealthyError(
                f"{name.short} belongs to deployment {deployment!r}",
                hint=f"jetson-deploy down --name {deployment} --purge removes both; or deploy another model first",
                code="model-deployed",
            )


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return one == other


def _record(path: Path) -> Record | None:
    """None: no deployment has been proven there."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Record)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _unreadable(path, error.strerror or "") from error
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise _unreadable(path, str(error)) from None


def _unreadable(path: Path, why: str) -> PreflightError:
    return PreflightError(
        f"which models the deployments need is not known: {path} cannot be read: {why}",
        hint="run with sudo; where it is damaged, jetson-deploy up --force --name DEPLOYMENT writes it anew",
        code="state-not-readable",
    )
