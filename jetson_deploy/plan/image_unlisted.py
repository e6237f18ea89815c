"""An image that the catalog does not list: what its repository and tag tell all the same."""

from __future__ import annotations

import re

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.catalog.image_entries import ImageRepository, ServerVersion
from jetson_deploy.catalog.version import parse_version
from jetson_deploy.deployment.plan import ImageChoice
from jetson_deploy.errors import PreflightError
from jetson_deploy.names import ImageReference
from jetson_deploy.plan.image_fit import Needed
from jetson_deploy.plan.image_rank import advisories_of

_VERSION = re.compile(r"(?P<version>[0-9]{1,4}\.[0-9]{1,4}\.[0-9]{1,4})(-[a-z0-9.]+)?")


def unlisted(catalog: Catalog, wanted: ImageReference, placed: str, needed: Needed) -> ImageChoice:
    """Named by the user. Raises PreflightError where its tag shows a server that cannot serve the model."""
    repository = _repository(catalog, wanted)
    if repository is not None and repository.server != needed.kind:
        raise PreflightError(
            f"image {wanted.text} cannot serve here: {repository.repository} holds {repository.server}, "
            f"not {needed.title}",
            hint="leave --image-policy out to let the tool choose, or name another image",
            code="image-does-not-fit",
        )
    version = _version(repository, wanted)
    if version is not None and parse_version(version) < parse_version(needed.version):
        raise PreflightError(
            f"image {wanted.text} cannot serve here: its tag says {needed.title} {version}, "
            f"{needed.version} or newer is needed",
            hint="leave --image-policy out to let the tool choose, or name a newer image",
            code="image-does-not-fit",
        )
    holds = f"its tag says {needed.title} {version}" if version else "the catalog has no entry for it"
    return ImageChoice(
        reference=placed,
        digest=wanted.digest,
        reason=f"named by the user; {holds}, the proof decides",
        ollama_version=version,
        ollama_reported=version,
        generation=None,
        size_bytes=None,
        disk_bytes=None,
        advisories=advisories_of(catalog, needed.kind, ServerVersion(version=version)) if version else (),
        architecture="arm64",
        jetson_jetpack=wanted.repository.endswith("ollama/ollama") and "dustynv" not in wanted.repository,
        rejected=(),
        assumed_bytes=assumed_bytes(catalog, repository),
    )


def assumed_bytes(catalog: Catalog, repository: ImageRepository | None) -> int | None:
    """What an image of unknown size counts as: the largest known of its repository, else of all."""
    known = _known(repository) if repository else []
    return max(known or [size for other in catalog.images.values() for size in _known(other)], default=None)


def _known(repository: ImageRepository) -> list[int]:
    return [size for size in (repository.largest_bytes, *(t.size_bytes for t in repository.tags.values())) if size]


def _repository(catalog: Catalog, wanted: ImageReference) -> ImageRepository | None:
    return next((r for r in catalog.images.values() if r.repository == wanted.name), None)


def _version(repository: ImageRepository | None, wanted: ImageReference) -> str | None:
    """Of upstream's tags alone: elsewhere a number is the image's own."""
    told = _VERSION.fullmatch(wanted.tag or "") if repository is not None and repository.tag_is_version else None
    return told["version"] if told else None
