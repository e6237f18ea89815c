"""Fetch the blobs again that a verification found wrong, and no others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

import msgspec

from jetson_deploy.errors import IntegrityError, JetsonDeployError, NetworkError, PreflightError, UsageError
from jetson_deploy.events import Note, Reporter
from jetson_deploy.names import ModelName
from jetson_deploy.store.identity import Identity, VerifiedBlobs
from jetson_deploy.store.inventory import FoundManifest
from jetson_deploy.store.layout import StorePaths
from jetson_deploy.store.maintenance.findings import Verification
from jetson_deploy.store.maintenance.record import record
from jetson_deploy.store.manifest import manifest_digest
from jetson_deploy.store.pinned import pin_manifest

LOCK_SECONDS = 30.0
_ANEW = "jetson-deploy up --force deploys the tag's present model, with --name for another deployment than `default`"


class NotRepaired(msgspec.Struct, frozen=True, kw_only=True):
    model: str
    code: str
    message: str
    hint: str
    exit_code: int


class Repair(msgspec.Struct, frozen=True, kw_only=True):
    repaired: tuple[str, ...]
    """Models that were fetched."""
    failed: tuple[NotRepaired, ...]
    known: Mapping[str, Identity]
    """Blobs by file name that need no hashing any more."""


def repair(
    paths: StorePaths,
    verification: Verification,
    *,
    fetch: Callable[[ModelName, str | None], object],
    pin: Callable[[ModelName], str | None],
    report: Reporter,
    stop: threading.Event,
) -> Repair:
    """Each model that has a fault, one after the other. One that cannot be had does not end the others.

    `fetch` gets the name and the digest of its manifest: that of the manifest which is here, else, where it is
    damaged, the one that `pin` knows. Raises LockedError, PreflightError, ResourceError, InterruptedRunError:
    with these no model can be repaired.
    """
    # A fetch uses the record: a blob found wrong must not stand in it any more.
    record(paths, verification, wait_seconds=LOCK_SECONDS, stop=stop)
    repaired: list[str] = []
    failed: list[NotRepaired] = []
    for found, name in _faulty(verification):
        if (directory := _in_the_way(verification, found.label)) is not None:
            failed.append(_blocked(found.label, directory))
            continue
        try:
            if found.pinned is not None:
                _mend(paths, found, name, found.pinned, report, stop)
            else:
                fetch(name, _digest(found, name, pin, report))
        except (NetworkError, IntegrityError, UsageError, _NotHereError) as error:
            failed.append(_not_repaired(found.label, error))
        else:
            repaired.append(found.label)
    known = {**verification.right, **VerifiedBlobs(paths).known}
    return Repair(repaired=tuple(repaired), failed=tuple(failed), known=known)


class _NotHereError(PreflightError):
    """Of one model alone, as no other PreflightError is."""


def _mend(
    paths: StorePaths, found: FoundManifest, name: ModelName, digest: str, report: Reporter, stop: threading.Event
) -> None:
    """A pinned manifest comes from the store itself; the tag, which means another one by now, is left alone."""
    if found.manifest is not None:
        raise _NotHereError(
            f"{found.label} lacks blobs, and its tag means another manifest by now",
            hint=_ANEW,
            code="pinned-only",
        )
    try:
        pin_manifest(paths.root, name, digest, report=report, stop=stop, lock_seconds=LOCK_SECONDS)
    except PreflightError as error:
        if error.code != "manifest-not-here":
            raise
        raise _NotHereError(f"{found.label}: {error.message}", hint=_ANEW, code=error.code) from error


def _faulty(verification: Verification) -> list[tuple[FoundManifest, ModelName]]:
    """What lies under no model's name cannot be fetched."""
    faulty = {model for finding in verification.findings if not finding.harmless for model in finding.models}
    return [(found, found.name) for found in verification.manifests if found.label in faulty and found.name]


def _in_the_way(verification: Verification, model: str) -> str | None:
    """A directory under a file's name: no file can take its place, and what is in it is not ours to remove."""
    own = (finding for finding in verification.findings if model in finding.models)
    return next((finding.path for finding in own if finding.observed == "a directory"), None)


def _blocked(model: str, path: str) -> NotRepaired:
    return NotRepaired(
        model=model,
        code="directory-in-the-way",
        message=f"{path} is a directory",
        hint=f"move {path} out of the store, then run the same command again",
        exit_code=3,
    )


def _digest(
    found: FoundManifest, name: ModelName, pin: Callable[[ModelName], str | None], report: Reporter
) -> str | None:
    if found.manifest is not None:
        return manifest_digest(found.raw)
    pinned = pin(name)
    if pinned is None:
        text = f"the manifest of {name.short} is damaged and on record nowhere: it is taken as the registry has it now"
        report(Note(level="warning", text=text))
    return pinned


def _not_repaired(model: str, error: JetsonDeployError) -> NotRepaired:
    return NotRepaired(model=model, code=error.code, message=error.message, hint=error.hint, exit_code=error.exit_code)
