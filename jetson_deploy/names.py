"""Names that a person types: models, images, deployments. Checked before anything is done with them.

Model names follow Ollama's types/model/name.go: [host[:port]/][namespace/]model[:tag], parts of at most
80 characters. Image references follow the distribution reference grammar, reduced to what a registry holds.
"""

from __future__ import annotations

import re

import msgspec

from jetson_deploy.errors import UsageError

DEFAULT_NAMESPACE = "library"
DEFAULT_TAG = "latest"
DEFAULT_MODEL_HOST = "registry.ollama.ai"
PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}", re.ASCII)
HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}(:[0-9]{1,5})?", re.ASCII)
SIZE_TAG = re.compile(r"[0-9]+(\.[0-9]+)?b([-_.][A-Za-z0-9_.-]+)?", re.ASCII)
REPOSITORY_PART = re.compile(r"[a-z0-9]+([._-]+[a-z0-9]+)*", re.ASCII)
IMAGE_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", re.ASCII)
IMAGE_DIGEST = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
DEPLOYMENT = re.compile(r"[a-z0-9][a-z0-9-]{1,40}", re.ASCII)


class ModelName(msgspec.Struct, frozen=True, kw_only=True):
    host: str | None
    """Registry host in the name; None: the default one."""
    namespace: str
    model: str
    tag: str

    @property
    def short(self) -> str:
        """As Ollama lists it: default parts left out, the tag always shown."""
        text = f"{self.model}:{self.tag}"
        if self.namespace != DEFAULT_NAMESPACE or self.host:
            text = f"{self.namespace}/{text}"
        return f"{self.host}/{text}" if self.host else text

    @property
    def manifest_path(self) -> tuple[str, str, str, str]:
        """Directories and file under `manifests/`."""
        return (self.host or DEFAULT_MODEL_HOST, self.namespace, self.model, self.tag)


class ImageReference(msgspec.Struct, frozen=True, kw_only=True):
    registry: str | None
    repository: str
    """Path within the registry, e.g. `dustynv/ollama`."""
    tag: str | None
    digest: str | None

    @property
    def name(self) -> str:
        """Registry and repository, as in `docker images`."""
        return f"{self.registry}/{self.repository}" if self.registry else self.repository

    @property
    def text(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return self.name + tag + (f"@{self.digest}" if self.digest else "")


def parse_model_name(text: str, *, default_family: str | None = None) -> ModelName:
    """Read a model name; a bare size (`7b`) means that size of `default_family`. Raises UsageError."""
    if default_family is not None and SIZE_TAG.fullmatch(text):
        return ModelName(host=None, namespace=DEFAULT_NAMESPACE, model=default_family, tag=text)
    path, _, last = text.rpartition("/")
    model, colon, tag = last.partition(":")
    parts = path.split("/") if path else []
    host = parts.pop(0) if len(parts) == 2 else None
    namespace = parts[0] if len(parts) == 1 else DEFAULT_NAMESPACE
    wanted = [namespace, model, tag if colon else DEFAULT_TAG]
    sound = len(parts) <= 1 and "." not in namespace and all(PART.fullmatch(p) and ".." not in p for p in wanted)
    if not sound or (host is not None and not (HOST.fullmatch(host) and ".." not in host)):
        raise _bad("model name", text, "for example deepseek-r1:7b", "bad-model-name")
    if host == DEFAULT_MODEL_HOST:
        host = None
    return ModelName(host=host, namespace=wanted[0], model=wanted[1], tag=wanted[2])


def check_deployment_name(text: str) -> str:
    """The name itself. Container names need two characters or more. Raises UsageError."""
    if not DEPLOYMENT.fullmatch(text):
        raise _bad("deployment name", text, "2 to 41 of a-z, 0-9 and -, for example kitchen-2", "bad-deployment-name")
    return text


def check_image_reference(text: str) -> ImageReference:
    """Read repository[:tag][@sha256:…]. Raises UsageError."""
    rest, at, digest = text.partition("@")
    head, slash, last = rest.rpartition("/")
    last, colon, tag = last.partition(":")
    path = f"{head}{slash}{last}"
    first, _, below = path.partition("/")
    registry = first if below and ("." in first or ":" in first or first == "localhost") else None
    repository = below if registry else path
    sound = all(REPOSITORY_PART.fullmatch(p) for p in repository.split("/")) and len(repository) <= 200
    sound = sound and (registry is None or HOST.fullmatch(registry) is not None)
    sound = sound and (not colon or IMAGE_TAG.fullmatch(tag) is not None)
    sound = sound and (not at or IMAGE_DIGEST.fullmatch(digest) is not None)
    if not sound:
        raise _bad("image reference", text, "for example dustynv/ollama:0.6.8-r36.4", "bad-image-reference")
    return ImageReference(registry=registry, repository=repository, tag=tag or None, digest=digest or None)


def mirrored(reference: ImageReference, host: str) -> ImageReference:
    """The same image at a mirror: its registry replaced by `host`."""
    return msgspec.structs.replace(reference, registry=host)


def _bad(what: str, text: str, example: str, code: str) -> UsageError:
    shown = repr(text if len(text) <= 60 else text[:57] + "...")
    return UsageError(f"{shown} is not a {what}", hint=example, code=code)
