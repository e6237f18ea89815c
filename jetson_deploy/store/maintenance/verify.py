"""Verify a store: hash every blob of every manifest, and list every other file in it.

Changes nothing. Ollama serves a model with a flipped byte without a word
(docs/ollama-behaviour.md): only hashing finds it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping

import msgspec

from jetson_deploy.errors import PreflightError
from jetson_deploy.events import Reporter, silent
from jetson_deploy.names import ModelName
from jetson_deploy.store.hashing import Hashed, hash_in_parallel
from jetson_deploy.store.identity import Identity, identity_of
from jetson_deploy.store.inventory import FoundManifest, blob_files, find_manifests, printable, what_it_is
from jetson_deploy.store.kept import KeptManifest, kept_manifests, pinned_manifests
from jetson_deploy.store.layout import StorePaths, size_on_disk
from jetson_deploy.store.maintenance.findings import KINDS, Kind, StoreFault, Verification, VerifiedModel
from jetson_deploy.store.maintenance.presence import check_is_store
from jetson_deploy.store.maintenance.surplus import unfinished_downloads
from jetson_deploy.store.manifest import manifest_digest
from jetson_deploy.store.meter import Meter

_NOTHING = ("absent", "a symlink to nowhere")


class _Wanted(msgspec.Struct, frozen=True):
    """One blob, and who says that it has which size: two manifests may contradict each other."""

    digest: str
    models: dict[int, list[str]]


def verify_store(
    paths: StorePaths,
    *,
    only: ModelName | None = None,
    known: Mapping[str, Identity] | None = None,
    report: Reporter = silent,
    stop: threading.Event | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Verification:
    """Hash every blob of every manifest, or of `only` one; those that still have their `known` identity are right.

    Pinned manifests count as well, under labels of their own where no tag means them, or they are damaged. Never
    raises for what lies in the store. Raises PreflightError `store-not-there`, or `store-not-readable` when a
    directory of it cannot be listed; InterruptedRunError.
    """
    check_is_store(paths)
    started = clock()
    try:
        manifests = tuple(m for m in _all_manifests(paths) if only is None or m.name == only)
        check = _Check(paths, manifests, known or {})
        check.look()
        check.hash(report, stop or threading.Event(), clock)
        if only is None:
            check.note_the_rest()
    except OSError as error:
        raise _not_listed(error, paths) from error
    return check.result(clock() - started)


def _all_manifests(paths: StorePaths) -> list[FoundManifest]:
    """Raises OSError."""
    tagged = find_manifests(paths)
    here = {manifest_digest(found.raw) for found in tagged if found.manifest}
    apart = (kept for kept in pinned_manifests(paths) if kept.problem or kept.digest not in here)
    return [*tagged, *(_as_found(paths, kept) for kept in apart)]


def _as_found(paths: StorePaths, kept: KeptManifest) -> FoundManifest:
    return FoundManifest(
        path=kept.below(paths),
        name=kept.name,
        raw=kept.raw,
        manifest=kept.manifest,
        problem=kept.problem,
        pinned=kept.digest,
    )


def _not_listed(error: OSError, paths: StorePaths) -> PreflightError:
    return PreflightError(
        f"{error.filename or paths.root} cannot be listed: {error.strerror}",
        hint="run with sudo; if the disk does not answer, dmesg has the reason",
        code="store-not-readable",
    )


class _Check:
    """One verification: findings of the file system at once, findings of hashing, and the rest."""

    def __init__(self, paths: StorePaths, manifests: tuple[FoundManifest, ...], known: Mapping[str, Identity]) -> None:
        self._paths, self._manifests, self._known = paths, manifests, known
        self._findings = [_damaged(found) for found in manifests if found.problem or found.name is None]
        self._wanted = _wanted(manifests)
        self._right: dict[str, Identity] = {}
        self._to_hash: dict[str, int] = {}
        self._hashed_bytes = self._known_bytes = 0

    def look(self) -> None:
        """The findings that need no blob to be read."""
        for name, wanted in self._wanted.items():
            path = self._paths.blobs / name
            size = size_on_disk(path)
            if size is None:
                what = what_it_is(path) or "it cannot be read"
                self._blame(name, "missing" if what in _NOTHING else "not-a-file", what)
                continue
            for expected, models in wanted.models.items():
                if size != expected:
                    kind: Kind = "short" if size < expected else "long"
                    self._add(name, kind, models, f"{size} bytes", f"{expected} bytes")
            if size in wanted.models:
                self._take_or_hash(name, size)

    def _take_or_hash(self, name: str, size: int) -> None:
        identity = self._known.get(name)
        if identity is not None and identity == identity_of(self._paths.blobs / name):
            self._right[name] = identity
            self._known_bytes += size
        else:
            self._to_hash[name] = size

    def hash(self, report: Reporter, stop: threading.Event, clock: Callable[[], float]) -> None:
        meter = Meter(f"store {self._paths.root}", sum(self._to_hash.values()), report, clock)
        meter.phase("verifying")
        found = self._hashed(self._to_hash, meter.advance, stop)
        # A fetch or a pull may have put another file there while the first one was read.
        again = {name: self._to_hash[name] for name, hashed in found.items() if self._is_another_file(name, hashed)}
        found |= self._hashed(again, lambda read: None, stop)
        if found:
            meter.tell()
        for name, hashed in found.items():
            self._judge(name, hashed)

    def _hashed(
        self, files: Mapping[str, int], advance: Callable[[int], None], stop: threading.Event
    ) -> dict[str, Hashed]:
        sized = [(self._paths.blobs / name, size) for name, size in files.items()]
        return {path.name: hashed for path, hashed in hash_in_parallel(sized, advance, stop).items()}

    def _is_another_file(self, name: str, hashed: Hashed) -> bool:
        return hashed.identity is not None and hashed.identity != identity_of(self._paths.blobs / name)

    def _judge(self, name: str, hashed: Hashed) -> None:
        digest = self._wanted[name].digest
        if hashed.identity is None:
            self._blame(name, "unreadable", hashed.problem or "it cannot be read")
            return
        self._hashed_bytes += hashed.identity.size
        if hashed.changed:
            self._blame(name, "altered", "another process wrote to it while it was read", digest)
        elif f"sha256:{hashed.sha256}" != digest:
            self._blame(name, "altered", f"sha256:{hashed.sha256}", digest)
        else:
            self._right[name] = hashed.identity

    def note_the_rest(self) -> None:
        """Files that no model needs. Raises OSError."""
        kept = {b.file_name for k in kept_manifests(self._paths) if k.manifest for b in k.manifest.blobs}
        for file in blob_files(self._paths):
            path = f"blobs/{printable(file.name)}"
            if file.name in self._wanted or file.name in kept:
                continue
            if file.is_blob:
                what = f"{file.status.st_size} bytes that no model needs"
                self._note("unreferenced", path, what, file.name.replace("-", ":"))
            else:
                self._note("foreign", path, "not a blob")
        for part in unfinished_downloads(self._paths):
            self._note("unfinished", f".jetson-deploy/partial/{part.digest}.data", _CUT, f"sha256:{part.digest}")

    def _note(self, kind: Kind, path: str, observed: str, blob: str | None = None) -> None:
        self._findings.append(StoreFault(kind=kind, path=path, blob=blob, observed=observed))

    def _blame(self, name: str, kind: Kind, observed: str, expected: str | None = None) -> None:
        """For all models that need it as long as it is; a contradicting one has its own finding."""
        models, here = self._wanted[name].models, size_on_disk(self._paths.blobs / name)
        sizes = [size for size in models if here in (None, size)] or list(models)
        needed_by = [model for size in sizes for model in models[size]]
        self._add(name, kind, needed_by, observed, expected or " or ".join(f"{size} bytes" for size in sizes))

    def _add(self, name: str, kind: Kind, models: Collection[str], observed: str, expected: str) -> None:
        self._findings.append(
            StoreFault(
                kind=kind,
                path=f"blobs/{name}",
                blob=self._wanted[name].digest,
                models=tuple(sorted(models)),
                observed=observed,
                expected=expected,
            )
        )

    def result(self, seconds: float) -> Verification:
        findings = sorted(self._findings, key=lambda f: (KINDS.index(f.kind), f.path))
        broken = {model for finding in findings for model in finding.models}
        return Verification(
            manifests=self._manifests,
            models=tuple(_model(found, found.label not in broken) for found in self._manifests if found.manifest),
            findings=tuple(findings),
            right=self._right,
            wrong=frozenset(self._wanted.keys() - self._right.keys()),
            hashed_bytes=self._hashed_bytes,
            known_bytes=self._known_bytes,
            seconds=round(seconds, 3),
        )


_CUT = "an unfinished download: a fetch of its model resumes it"


def _wanted(manifests: tuple[FoundManifest, ...]) -> dict[str, _Wanted]:
    wanted: dict[str, _Wanted] = {}
    for found in manifests:
        for blob in found.manifest.blobs if found.manifest else ():
            models = wanted.setdefault(blob.file_name, _Wanted(blob.digest, {})).models
            models.setdefault(blob.size, []).append(found.label)
    return wanted


def _damaged(found: FoundManifest) -> StoreFault:
    return StoreFault(
        kind="manifest-damaged",
        path=found.below_store,
        models=(found.label,),
        observed=found.problem or "its path spells no model's name",
        expected=_expected(found),
    )


def _expected(found: FoundManifest) -> str:
    if found.pinned:
        return f"the manifest sha256:{found.pinned}"
    return "a manifest" if found.problem else "HOST/NAMESPACE/MODEL/TAG"


def _model(found: FoundManifest, whole: bool) -> VerifiedModel:
    size = found.manifest.total_bytes if found.manifest else 0
    return VerifiedModel(name=found.label, manifest_digest=manifest_digest(found.raw), size_bytes=size, whole=whole)
