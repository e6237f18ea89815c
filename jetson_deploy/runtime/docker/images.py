"""Images that the engine holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import docker
import docker.errors

from jetson_deploy.runtime.docker.errors import told_as_ours
from jetson_deploy.runtime.docker.patience import REMOVE_SECONDS, patiently
from jetson_deploy.runtime.port import PulledImage


def find_image(client: docker.APIClient, reference: str) -> PulledImage | None:
    """The image that `reference` (repository[:tag][@digest]) means on this host; None when it is not here.

    With a digest only an image of that very digest is found, whatever its tag. Raises PreflightError.
    """
    with told_as_ours(f"looking for the image {reference}"):
        try:
            answer = client.inspect_image(_lookup(reference))  # type: ignore[no-untyped-call]  # types-docker
        except docker.errors.NotFound:
            return None
    return _as_image(answer, reference)


def split_digest(reference: str) -> tuple[str, str | None]:
    """`repository:tag@sha256:…` → (`repository:tag`, `sha256:…`)."""
    name, _, digest = reference.partition("@")
    return name, digest or None


def repository_of(reference: str) -> str:
    """The reference without tag and digest; a registry's port stays."""
    name, _ = split_digest(reference)
    head, _, last = name.rpartition("/")
    return f"{head}/{last.partition(':')[0]}" if head else last.partition(":")[0]


def _lookup(reference: str) -> str:
    name, digest = split_digest(reference)
    return f"{repository_of(name)}@{digest}" if digest else name


def _as_image(answer: Mapping[str, Any], reference: str) -> PulledImage:
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


def remove_image(client: docker.APIClient, reference: str) -> str | None:
    """Remove the image `reference` from this host. Returns why it was kept, or None when it is gone.

    One that was pulled by tag has its tag and its digest as references: the tag first, else it would stay.
    """
    found = find_image(client, reference)
    if found is None:
        return None
    name, _ = split_digest(reference)
    with told_as_ours(f"removing the image {reference}"), patiently(client, REMOVE_SECONDS):
        try:
            client.remove_image(name if name in found.references else _lookup(reference))
        except docker.errors.NotFound:
            return None
        except docker.errors.APIError as error:
            if error.status_code == 409:
                return "another container or tag uses it"
            raise
    return None
