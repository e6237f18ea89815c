"""Entries of the catalog about images and what serves in them: containers/, one struct for each kind of file."""

import re
from typing import Annotated

import msgspec

from jetson_deploy.catalog.entries import Confidence, Digest, Entry, Payload, Positive, Severity, Version
from jetson_deploy.server_kinds import KINDS, USUAL

ServerKind = Annotated[str, msgspec.Meta(pattern=f"^({'|'.join(re.escape(kind) for kind in KINDS)})$")]


class L4tRange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Half-open: from ≤ host < below, compared by number."""

    from_: Version = msgspec.field(name="from")
    below: Version


class ServerVersion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The server inside an image. `version` when known, else bounds; both may be None."""

    version: Version | None = None
    at_least: Version | None = None
    at_most: Version | None = None
    reported: str | None = None
    """What it says where it differs, e.g. `0.0.0`."""
    confidence: Confidence = "inferred"
    why: str = ""


class KnownBad(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A recorded failure of a tag. Without a condition it holds for every host."""

    why: str
    l4t: tuple[L4tRange, ...] = ()
    max_ram_gb: Positive | None = None
    """Holds where MemTotal is at most this many GiB; where it is unknown, on boards of at most this marketed size."""
    rejects: bool = True
    """False: the tag is only ranked behind others of its repository."""
    source: tuple[str, ...] = ()


class ImageTag(Entry, frozen=True, kw_only=True):
    digest: Digest | None
    """`sha256:…` of the manifest (list); None: not on record, then resolved once and pinned."""
    size_bytes: Positive | None
    """Compressed, as pulled."""
    disk_bytes: Positive | None = None
    l4t: tuple[L4tRange, ...]
    payloads: tuple[Payload, ...]
    """GPU payloads of an Ollama: jetpack5, jetpack6, cuda_v13."""
    cuda: Version | None
    """None: several, or unknown."""
    ubuntu: str | None
    generation: str | None = None
    """Key of `containers/generations.yaml`; None: not Ollama, and how it behaves is not on record."""
    ollama: ServerVersion | None = None
    """Of an image that holds Ollama."""
    compute: tuple[Version, ...] = ()
    """Compute capabilities that its GPU code is built for, where it holds another server than Ollama."""
    pushed: str | None = None
    moving: bool = False
    """The tag has been pushed again under the same name: trust the digest only."""
    known: tuple[str, ...] = ()
    bad: tuple[KnownBad, ...] = ()

    @property
    def version(self) -> ServerVersion:
        """Of the server inside."""
        return self.ollama or ServerVersion()


class ImageRepository(Entry, frozen=True, kw_only=True):
    repository: str
    """As written after `docker pull`, e.g. `dustynv/ollama`, `ghcr.io/nvidia-ai-iot/ollama`."""
    rank: Positive
    """Order in which repositories are tried; lowest first (ARCHITECTURE decision 5)."""
    server: ServerKind = USUAL
    """Inside."""
    architecture: str = "arm64"
    jetson_jetpack: bool = False
    """Needs the line's JETSON_JETPACK in its environment."""
    largest_bytes: Positive | None = None
    """Compressed, of the largest image that is known of it beside its tags here."""
    tag_is_version: bool = False
    """A tag X.Y.Z that is not listed here holds that Ollama."""
    tags: dict[str, ImageTag]


class Generation(Entry, frozen=True, kw_only=True):
    """How an image behaves, by its Dockerfile's era."""

    command: str
    entrypoint: str | None
    ollama_path: str | None
    model_store: str
    exits_without_tty: bool
    environment: dict[str, str] = {}  # noqa: RUF012 - msgspec gives each its own
    traps: tuple[str, ...] = ()
    built: tuple[str, str | None] | None = None


class Advisory(Entry, frozen=True, kw_only=True):
    title: str
    fixed_in: Version | None
    """First fixed version; None: no fix is known."""
    server: ServerKind = USUAL
    affects_from: Version | None = None
    affects_to: Version | None = None
    """Last version that it was reported on, where no fix is known; None: all later ones count."""
    severity: Severity = "medium"


class NotReal(Entry, frozen=True, kw_only=True):
    """An image that people name and that does not exist."""

    reference: str
    """`repository:tag`; `*` stands for any text. The map's key, not written in the file."""
    why: str
