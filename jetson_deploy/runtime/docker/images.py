"""Names of images, and what the engine says of one. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jetson_deploy.runtime.port import PulledImage


def split_digest(reference: str) -> tuple[str, str | None]:
    """`repository:tag@sha256:…` → (`repository:tag`, `sha256:…`)."""
    name, _, digest = reference.partition("@")
    return name, digest or None


def repository_of(reference: str) -> str:
    """The reference without tag and digest; a registry's port stays."""
    name, _ = split_digest(reference)
    head, _, last = name.rpartition("/")
    return f"{head}/{last.partition(':')[0]}" if head else last.partition(":")[0]


def lookup_name(reference: str) -> str:
    """What to ask for: with a digest only an image of that very digest is meant, whatever its tag."""
    name, digest = split_digest(reference)
    return f"{repository_of(name)}@{digest}" if digest else name


def as_image(answer: Mapping[str, Any], reference: str) -> PulledImage:
    digests = tuple(answer.get("RepoDigests") or ())
    return PulledImage(
        id=answer["Id"],
        digest=_digest(digests, reference),
        references=(*(answer.get("RepoTags") or ()), *digests),
        architecture=answer.get("Architecture") or None,
        size_bytes=answer.get("Size"),
    )


def _digest(digests: tuple[str, ...], reference: str) -> str | None:
    """Of the asked repository first: one image may come from several registries."""
    _, asked = split_digest(reference)
    own = [digest for digest in digests if repository_of(digest) == repository_of(reference)]
    found = [split_digest(digest)[1] for digest in own or digests]
    return asked if asked in found else next(iter(found), None)
