"""Findings about a store, as data: one thing that is wrong, or that is not needed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

import msgspec

from jetson_deploy.store.identity import Identity
from jetson_deploy.store.inventory import FoundManifest

Kind = Literal[
    "manifest-damaged",
    "missing",
    "not-a-file",
    "short",
    "long",
    "altered",
    "unreadable",
    "unfinished",
    "unreferenced",
    "foreign",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""The worst first."""
HARMLESS: tuple[Kind, ...] = ("unfinished", "unreferenced", "foreign")


class StoreFault(msgspec.Struct, frozen=True, kw_only=True):
    kind: Kind
    path: str
    """Below the store."""
    blob: str | None = None
    """`sha256:…`; None for a manifest and a foreign file."""
    models: tuple[str, ...] = ()
    """That need it."""
    observed: str
    expected: str = ""

    @property
    def harmless(self) -> bool:
        """It harms no model."""
        return self.kind in HARMLESS


class VerifiedModel(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    manifest_digest: str
    """64 hex digits."""
    size_bytes: int
    whole: bool
    """Every blob of it is right."""


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """One verification of a store, or of one model in it."""

    manifests: tuple[FoundManifest, ...]
    models: tuple[VerifiedModel, ...]
    findings: tuple[StoreFault, ...]
    right: Mapping[str, Identity]
    """Blobs by file name, each as it was when its first byte was read."""
    wrong: frozenset[str]
    """File names of the other blobs that a manifest needs."""
    hashed_bytes: int
    known_bytes: int
    """Of blobs that were not hashed again: they are the files that were found right before."""
    seconds: float

    @property
    def all_right(self) -> bool:
        return all(finding.harmless for finding in self.findings)
