"""Names that users and programs write: models, deployments, images, registries. Pure.

Every name is checked before it becomes part of a path, a URL or a container's name. All refusals are
UsageError; the message shows the name with its control characters escaped.
"""

from __future__ import annotations

import re
from typing import Protocol
from urllib.parse import urlsplit

import msgspec

from jetson_deploy.errors import UsageError

OLLAMA_REGISTRY = "registry.ollama.ai"
"""Host that Ollama writes for names without one (types/model/name.go)."""
OLLAMA_NAMESPACE = "library"
NATIVE = "native.internal/ollama"
"""Repository of references to a program that runs without a container: no registry has it (.internal is reserved)."""
DOCKER_HUB = ("docker.io", "index.docker.io", "registry-1.docker.io")

# Ollama: parts start with a letter, a digit or _; a dot is not allowed in a namespace; 80 characters at most.
_MODEL_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}")
_NAMESPACE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,79}")
_HOST = re.compile(r"(?=.{1,80}\Z)[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?")
_SIZE = re.compile(r"[0-9]{1,4}(?:\.[0-9]{1,3})?[bBmM](?:-.+)?")
_DEPLOYMENT = re.compile(r"[a-z0-9][a-z0-9-]{1,40}")
# Docker's reference grammar (distribution/reference/regexp.go).
_IMAGE_PATH = re.compile(r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*")
_IMAGE_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_IMAGE_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_IMAGE_NAME_LENGTH = 255
_SHOWN = 60


class Named(Protocol):
    """What messages call by a short name."""

    @property
    def short(self) -> str: ...


class ModelName(msgspec.Struct, frozen=True, kw_only=True):
    """A model in Ollama's naming. `registry` is None for Ollama's own."""

    registry: str | None = None
    namespace: str = OLLAMA_NAMESPACE
    model: str
    tag: str = "latest"

    @property
    def short(self) -> str:
        """As `ollama list` shows it: the host and the namespace only where they are not the default."""
        text = f"{self.model}:{self.tag}"
        if self.registry is not None:
            return f"{self.registry}/{self.namespace}/{text}"
        return text if self.namespace == OLLAMA_NAMESPACE else f"{self.namespace}/{text}"

    @property
    def manifest_path(self) -> tuple[str, str, str, str]:
        """Path parts below `manifests/`: host, namespace, model, tag."""
        return (self.registry or OLLAMA_REGISTRY, self.namespace, self.model, self.tag)


def parse_model_name(text: str, *, default_family: str | None = None) -> ModelName:
    """Read `deepseek-r1`, `deepseek-r1:7b`, `library/deepseek-r1:7b`, `host[:port]/ns/model:tag`.

    With `default_family` a bare size (`7b`, `8b-0528-qwen3-q4_K_M`) is a tag of that family. Raises UsageError
    `bad-model-name`.
    """
    full = f"{default_family}:{text}" if default_family and _SIZE.fullmatch(text) else text
    path, slash, last = full.rpartition("/")
    model, colon, tag = last.partition(":")
    above = path.split("/") if slash else []
    if len(above) > 2 or (colon and not tag):
        raise _bad_model(text)
    name = ModelName(
        registry=above[0] if len(above) == 2 else None,
        namespace=above[-1] if above else OLLAMA_NAMESPACE,
        model=model,
        tag=tag or "latest",
    )
    if not _model_parts_are_good(name):
        raise _bad_model(text)
    return msgspec.structs.replace(name, registry=None) if name.registry == OLLAMA_REGISTRY else name


def _model_parts_are_good(name: ModelName) -> bool:
    return (
        (name.registry is None or bool(_HOST.fullmatch(name.registry)))
        and bool(_NAMESPACE.fullmatch(name.namespace))
        and bool(_MODEL_PART.fullmatch(name.model))
        and bool(_MODEL_PART.fullmatch(name.tag))
        and not any(".." in part for part in name.manifest_path)
    )


def _bad_model(text: str) -> UsageError:
    return UsageError(
        f"{shown(text)} is not a model name",
        hint="names look like deepseek-r1:7b, 7b or registry.example:5000/library/deepseek-r1:7b",
        code="bad-model-name",
    )


def check_deployment_name(text: str) -> str:
    """The name, unchanged: 2 to 41 of a-z, 0-9 and -, not starting with -. Raises UsageError `bad-deployment-name`."""
    if not _DEPLOYMENT.fullmatch(text):
        raise UsageError(
            f"{shown(text)} is not a deployment name",
            hint="use 2 to 41 of a-z, 0-9 and -, starting with a letter or a digit, e.g. default or kitchen-2",
            code="bad-deployment-name",
        )
    return text


class ImageReference(msgspec.Struct, frozen=True, kw_only=True):
    """A container image. `registry` is None for Docker Hub; `digest` is `sha256:…`."""

    registry: str | None = None
    repository: str
    tag: str | None = None
    digest: str | None = None

    @property
    def name(self) -> str:
        """Registry and repository, as the engine lists them."""
        return f"{self.registry}/{self.repository}" if self.registry else self.repository

    @property
    def text(self) -> str:
        return self.name + (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")


def check_image_reference(text: str) -> ImageReference:
    """Read `[host[:port]/]repository[:tag][@sha256:…]`. Raises UsageError `bad-image-reference`."""
    rest, at, digest = text.partition("@")
    first, slash, tail = rest.partition("/")
    # Docker's rule: the first part is a host when it has a dot or a port, or is localhost.
    has_host = bool(slash) and ("." in first or ":" in first or first == "localhost")
    path, colon, tag = (tail if has_host else rest).partition(":")
    reference = ImageReference(
        registry=first if has_host and first not in DOCKER_HUB else None,
        repository=path,
        tag=tag if colon else None,
        digest=digest if at else None,
    )
    if (has_host and not _HOST.fullmatch(first)) or not _image_parts_are_good(reference):
        raise UsageError(
            f"{shown(text)} is not an image reference",
            hint="references look like dustynv/ollama:r36.4.0 or registry.example:5000/team/ollama:1@sha256:…",
            code="bad-image-reference",
        )
    return reference


def is_native(reference: str) -> bool:
    """It names a program of this host, no image."""
    name, _, _ = reference.partition("@")
    return name == NATIVE or name.startswith(f"{NATIVE}:")


def pinned(reference: str, digest: str | None) -> str:
    """The reference with the digest; unchanged when it has one, or none is known."""
    return f"{reference}@{digest}" if digest and "@" not in reference else reference


def _image_parts_are_good(reference: ImageReference) -> bool:
    return (
        len(reference.name) <= _IMAGE_NAME_LENGTH
        and all(_IMAGE_PATH.fullmatch(part) for part in reference.repository.split("/"))
        and (reference.tag is None or bool(_IMAGE_TAG.fullmatch(reference.tag)))
        and (reference.digest is None or bool(_IMAGE_DIGEST.fullmatch(reference.digest)))
    )


def mirrored(reference: ImageReference, host: str) -> ImageReference:
    """The same image on the mirror `host[:port]`; the original registry is dropped, the repository stays as it is.

    Raises UsageError `bad-mirror`.
    """
    if not _HOST.fullmatch(host) or not ("." in host or ":" in host or host == "localhost"):
        raise UsageError(
            f"{shown(host)} is not a registry host",
            hint="give it as HOST:PORT without a scheme, e.g. 127.0.0.1:5000",
            code="bad-mirror",
        )
    return msgspec.structs.replace(reference, registry=None if host in DOCKER_HUB else host)


def check_registry_address(text: str) -> str:
    """The address of a model registry without a trailing slash. Raises UsageError `bad-registry`.

    Only `http[s]://host[:port]`. Credentials are refused: argv and the environment are readable by others.
    """
    problem = address_problem(text) or _path_problem(text)
    if problem:
        # The text is not repeated when it may hold a password.
        what = "the registry's address" if "@" in text else shown(text)
        raise UsageError(
            f"{what} {problem}",
            hint="give it as https://registry.ollama.ai or http://HOST:PORT",
            code="bad-registry",
        )
    return text.rstrip("/")


def address_problem(text: str) -> str | None:
    """Why it is no http[s]:// address of a host, without credentials; None: it is one."""
    if not text.isascii() or not text.isprintable() or " " in text:
        return "has characters that no address has"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return "cannot be read as an address"
    if parts.scheme not in ("http", "https"):
        return "is neither http:// nor https://"
    if parts.username is not None or parts.password is not None:
        return "holds credentials"
    if not parts.hostname or port == 0:
        return "names no host" if not parts.hostname else "names port 0"
    return None


def _path_problem(text: str) -> str | None:
    parts = urlsplit(text)
    if parts.path.strip("/") or parts.query or parts.fragment:
        return "has a path; only the host and the port belong there"
    return None


def shown(text: str) -> str:
    """A user's text for a message: quoted, ASCII, control characters escaped, shortened."""
    return ascii(text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "...")
