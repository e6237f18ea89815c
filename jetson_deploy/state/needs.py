"""The needs of the deployments of this host: by the labels of their containers, and by their records."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

import msgspec

from jetson_deploy.deployment.record import Record, deployment_of
from jetson_deploy.deployment.revisions import Revision, State
from jetson_deploy.errors import PreflightError
from jetson_deploy.state.directory import StateDirectory


class Labelled(Protocol):
    @property
    def labels(self) -> dict[str, str]: ...


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """Of one container or revision."""

    deployment: str
    image: str
    model: str
    store: str
    digest: str | None
    """64 hex digits of the manifest; None: whatever the tag means."""


class Needs(msgspec.Struct, frozen=True, kw_only=True):
    all: tuple[Need, ...]

    def image(self, reference: str) -> bool:
        """By its digest where both name one: tags are written in several ways."""
        _, _, digest = reference.partition("@")
        return any(need.image == reference or (digest and need.image.endswith(f"@{digest}")) for need in self.all)

    def model(self, name: str, store: str) -> bool:
        return any(need.model == name and same_directory(need.store, store) for need in self.all)

    def digests(self) -> frozenset[str] | None:
        """Of manifests; None: one does not say, so any may be meant."""
        if any(need.digest is None and need.model for need in self.all):
            return None
        return frozenset(need.digest for need in self.all if need.digest)


def needs_of(containers: Iterable[Labelled], state_dir: Path) -> Needs:
    """Of all deployments. Raises PreflightError when what is on record of one cannot be read."""
    return Needs(all=(*(n for c in containers if (n := labelled(c.labels))), *_on_record(state_dir)))


def labelled(labels: Mapping[str, str]) -> Need | None:
    """None: not a container of ours."""
    deployment = deployment_of(labels)
    if deployment is None:
        return None
    record = Record.read(labels)
    return Need(
        deployment=deployment,
        image=record.image,
        model=record.model,
        store=record.store,
        digest=record.manifest_digest,
    )


def need_of(deployment: str, revision: Revision) -> Need:
    return Need(
        deployment=deployment,
        image=revision.image,
        model=revision.model,
        store=revision.store,
        digest=revision.model_digest,
    )


def _on_record(state_dir: Path) -> Iterator[Need]:
    for name in _deployments(state_dir):
        state = StateDirectory(state_dir, name).load()
        for revision in _revisions(state) if state is not None else ():
            yield need_of(name, revision)


def _revisions(state: State) -> list[Revision]:
    """That serve, that a rollback would deploy at once, or that are being deployed."""
    found = [state.revision(state.current), state.revision(state.previous)]
    found.append(state.intent.revision if state.intent else None)
    return [revision for revision in found if revision is not None]


def _deployments(state_dir: Path) -> list[str]:
    try:
        with os.scandir(state_dir) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise PreflightError(
            f"{state_dir} cannot be listed: {error.strerror}", hint="run with sudo", code="state-not-readable"
        ) from error


def different_directories(names: Iterable[str]) -> list[str]:
    """Each directory once, by the first of its names."""
    found: list[str] = []
    for name in filter(None, names):
        if not any(same_directory(name, known) for known in found):
            found.append(name)
    return found


def same_directory(one: str, other: str) -> bool:
    try:
        return one == other or Path(one).samefile(other)
    except OSError:
        return False
