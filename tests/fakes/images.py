"""Images of the fake runtime, and which of them a reference means."""

from __future__ import annotations

from jetson_deploy.runtime.port import PulledImage

_ARCHITECTURES = {"aarch64": "arm64", "x86_64": "amd64"}


def new_image(number: int, reference: str, digest: str | None, architecture: str, size_bytes: int) -> PulledImage:
    """One that is named by its tag, and by its digest where that is known."""
    name, _, asked = reference.partition("@")
    digest = digest or asked or None
    tagged = () if asked else (name,)
    return PulledImage(
        id=f"sha256:{number:064x}",
        digest=digest,
        references=(*tagged, *((f"{_repository(name)}@{digest}",) if digest else ())),
        architecture=_ARCHITECTURES.get(architecture, architecture),
        size_bytes=size_bytes,
    )


def meant_by(reference: str) -> set[str]:
    """With a digest only an image of that very digest, whatever its tag."""
    name, _, digest = reference.partition("@")
    return {f"{_repository(name)}@{digest}" if digest else name, reference}


def _repository(name: str) -> str:
    head, slash, last = name.rpartition("/")
    return head + slash + last.partition(":")[0]
