"""The records of all deployments of this host; unlike `StateDirectory.load`, no record is passed over."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import msgspec

from jetson_deploy.deployment.revisions import Revision, State
from jetson_deploy.errors import PreflightError, UnhealthyError
from jetson_deploy.names import ModelName
from jetson_deploy.state.directory import BACKUP, STATE, StateDirectory
from jetson_deploy.state.state_file import MOST_BYTES, read_state_file
from jetson_deploy.store.whole_file import read_bounded

Role = Literal["current", "previous", "kept"]


class NeededModel(msgspec.Struct, frozen=True, kw_only=True):
    """A model that a revision serves, or served and can be gone back to."""

    model: str
    model_digest: str | None
    store: str
    role: Role = "current"
    """`current`: the one that serves or is being deployed; `kept`: an older revision that was proven."""


def all_records(state_dir: Path) -> dict[str, tuple[NeededModel, ...]]:
    """Deployment → what it serves, else would go back to: the current one first, then previous, then older ones.

    Raises PreflightError `state-not-readable` or `state-newer`, naming the file.
    """
    try:
        names = sorted(os.listdir(state_dir))  # noqa: PTH208 - names, not paths
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise _unreadable(state_dir, f"cannot be read: {error.strerror}") from error
    found = {name: _needed(state_dir, name) for name in names}
    return {name: models for name, models in found.items() if models}


def wanted_manifests(state_dir: Path) -> frozenset[str] | None:
    """Digests of the manifests of all proven revisions; None when one does not say: any may be meant.

    Raises as `all_records`.
    """
    digests = [one.model_digest for models in all_records(state_dir).values() for one in models]
    return None if None in digests else frozenset(digest for digest in digests if digest is not None)


def check_not_deployed(name: ModelName, store: Path, state_dir: Path) -> None:
    """Raises UnhealthyError `model-deployed`, and as `all_records`."""
    for deployment, models in all_records(state_dir).items():
        here = {one.role for one in models if one.model == name.short and _same(Path(one.store), store)}
        if here - {"kept"}:
            what = "belongs to" if "current" in here else "would be deployed by a rollback of"
            raise UnhealthyError(
                f"{name.short} {what} deployment {deployment!r}",
                hint=f"jetson-deploy down --name {deployment} --purge removes both; or deploy another model first",
                code="model-deployed",
            )


def deployed_store(state_dir: Path, deployment: str) -> Path | None:
    """Store of what serves, else of what served last. None: not on record. Raises PreflightError `state-newer`."""
    state = StateDirectory(state_dir, deployment).load()
    models = _old(state_dir / deployment / STATE) if state is None else _of(state, failed_too=True)
    return next((Path(one.store) for one in models if one.store), None)


def _needed(state_dir: Path, name: str) -> tuple[NeededModel, ...]:
    """Nothing: no deployment has been proven there."""
    path = state_dir / name / STATE
    found = read_state_file(path, name)
    if found.state is not None:
        return _of(found.state)
    if found.old and (models := _old(path)):
        return models
    if found.problem is None and os.path.lexists(state_dir / name / BACKUP):
        raise _unreadable(path, "is gone")
    if found.problem is not None:
        raise _unreadable(path, found.problem)
    return ()


def _of(state: State, *, failed_too: bool = False) -> tuple[NeededModel, ...]:
    intended = state.intent.revision if state.intent is not None else None
    ordered: list[tuple[Revision | None, Role]] = [
        (state.revision(state.current), "current"),
        (intended, "current"),
        (state.revision(state.previous), "previous"),
    ]
    ordered += [(r, "kept") for r in reversed(state.revisions) if r.outcome == "proven" or failed_too]
    return tuple(
        NeededModel(model=r.model, model_digest=r.model_digest, store=r.store, role=role)
        for r, role in ordered
        if r is not None
    )


def _old(path: Path) -> tuple[NeededModel, ...]:
    """Of a file that an older jetson-deploy wrote: one record of what it proved last."""
    try:
        content = read_bounded(path, MOST_BYTES)
        return () if content is None else (msgspec.json.decode(content, type=NeededModel),)
    except (OSError, msgspec.MsgspecError, ValueError, RecursionError):
        return ()


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except (OSError, ValueError):
        return one == other


def _unreadable(path: Path, why: str) -> PreflightError:
    return PreflightError(
        f"which models the deployments need is not known: {path} {why}",
        hint="run with sudo; where it is damaged, jetson-deploy recover --name DEPLOYMENT writes it anew",
        code="state-not-readable",
    )
