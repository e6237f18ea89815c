"""The manifest of a model: which blobs it is made of (Docker's schema 2 with Ollama's media types)."""

from __future__ import annotations

import hashlib
from typing import Annotated

import msgspec
from msgspec import Meta

from jetson_deploy.errors import IntegrityError

MANIFEST_BYTES = 4 << 20
"""Cap on a manifest's size; Ollama's own have under 1 kB."""
MODEL_BYTES = 4 << 40
"""Cap on the sum of the blobs; the largest DeepSeek-R1 has 404 GB."""
LAYER_MEDIA = "application/vnd.ollama.image."
_LOADED = tuple(LAYER_MEDIA + kind for kind in ("model", "projector", "adapter"))
CONFIG_MEDIA = "application/vnd.docker.container.image.v1+json"
MANIFEST_MEDIA = (
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
)


class Blob(msgspec.Struct, frozen=True):
    """One file of a model: config or layer. `size` in bytes."""

    digest: Annotated[str, Meta(pattern=r"^sha256:[0-9a-f]{64}\Z")]
    size: Annotated[int, Meta(ge=0, le=MODEL_BYTES)]
    mediaType: Annotated[str, Meta(max_length=255)] = ""  # noqa: N815 - the format's spelling

    @property
    def file_name(self) -> str:
        """Name below `blobs/`."""
        return self.digest.replace(":", "-")


class Manifest(msgspec.Struct, frozen=True):
    schemaVersion: int  # noqa: N815 - the format's spelling
    config: Blob
    layers: Annotated[tuple[Blob, ...], Meta(min_length=1, max_length=10_000)]
    mediaType: str = MANIFEST_MEDIA[0]  # noqa: N815 - the format's spelling

    @property
    def blobs(self) -> tuple[Blob, ...]:
        """Config and layers, each digest once: the small ones first, so that little is lost on a cut."""
        distinct = {blob.digest: blob for blob in (self.config, *self.layers)}
        return tuple(sorted(distinct.values(), key=lambda b: (b.size, b.digest)))

    @property
    def total_bytes(self) -> int:
        """As /api/tags counts it for a model without repeated layers."""
        return sum(blob.size for blob in self.blobs)

    @property
    def loaded(self) -> tuple[Blob, ...]:
        """The layers that a server loads: weights, projector, adapter."""
        return tuple(blob for blob in self.layers if blob.mediaType in _LOADED)

    @property
    def weights(self) -> str:
        """Digest of the one file that is loaded; empty: there are several, or none."""
        loaded = self.loaded
        return loaded[0].digest if len(loaded) == 1 and loaded[0].mediaType == _LOADED[0] else ""

    @property
    def template(self) -> str:
        """Digest of the chat template; empty: there is none."""
        return self._digest_of("template")

    @property
    def parameters(self) -> str:
        """Digest of the stop words and the sampling; empty: there are none."""
        return self._digest_of("params")

    def _digest_of(self, kind: str) -> str:
        return next((blob.digest for blob in self.layers if blob.mediaType == LAYER_MEDIA + kind), "")


class _WithoutLayers(msgspec.Struct, frozen=True):
    schemaVersion: int  # noqa: N815 - the format's spelling
    config: Blob
    layers: Annotated[tuple[Blob, ...], Meta(max_length=0)] | None


NO_LAYERS = "it lists no layers (a create of Ollama up to 0.11.4 can leave such a manifest)"


def needs_without_layers(raw: bytes) -> tuple[Blob, ...] | None:
    """All that a manifest without layers needs, which no server can load; None: it is another one, or damaged."""
    try:
        empty = msgspec.json.decode(raw, type=_WithoutLayers)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return (empty.config,) if empty.schemaVersion == 2 else None


def manifest_digest(raw: bytes) -> str:
    """64 hex digits; `ollama list` shows the first 12."""
    return hashlib.sha256(raw).hexdigest()


def parse_manifest(raw: bytes, what: str) -> Manifest:
    """Read a manifest from anywhere. Raises IntegrityError `manifest-damaged` or `not-a-model`, naming `what`.

    diff_ids of the config are not compared: Ollama's own of 2025-05 do not match their layers.
    """
    if len(raw) > MANIFEST_BYTES:
        raise _damaged(what, f"it has more than {MANIFEST_BYTES >> 20} MiB")
    try:
        manifest = msgspec.json.decode(raw, type=Manifest)
    # ValueError covers broken UTF-8; RecursionError comes from deep nesting in keys that are not ours.
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise _damaged(what, NO_LAYERS if needs_without_layers(raw) else str(error)) from None
    problem = _contradiction(manifest)
    if problem:
        raise _damaged(what, problem)
    if not any(layer.mediaType.startswith(LAYER_MEDIA) for layer in manifest.layers):
        raise IntegrityError(
            f"{what} is not a model of Ollama: none of its layers is an {LAYER_MEDIA}* one",
            hint="check the name; container images are pulled by the engine, not into the model store",
            code="not-a-model",
        )
    return manifest


def _contradiction(manifest: Manifest) -> str | None:
    if manifest.schemaVersion != 2:
        return f"schemaVersion is {manifest.schemaVersion}, not 2"
    if manifest.mediaType not in MANIFEST_MEDIA:
        return f"its mediaType is {manifest.mediaType[:100]!r}"
    sizes = {(blob.digest, blob.size) for blob in (manifest.config, *manifest.layers)}
    if len(sizes) != len(manifest.blobs):
        return "one digest is listed with two sizes"
    if manifest.total_bytes > MODEL_BYTES:
        return f"its blobs sum up to {manifest.total_bytes} bytes"
    return None


def _damaged(what: str, why: str) -> IntegrityError:
    return IntegrityError(
        f"the manifest of {what} cannot be used: {why}",
        hint="try again; if the error persists, the registry or a proxy is at fault",
        code="manifest-damaged",
    )
