"""Describe a model by its config blob and the header of its file. Unknown is None; nothing is guessed."""

from __future__ import annotations

from typing import Any

import msgspec

from jetson_deploy.errors import IntegrityError
from jetson_deploy.store.gguf.header import GgufHeader, read_gguf
from jetson_deploy.store.inventory import read_small
from jetson_deploy.store.layout import StorePaths
from jetson_deploy.store.manifest import LAYER_MEDIA, Blob, Manifest

_CONFIG_BYTES = 1 << 20
_SHOWN = 40


class Description(msgspec.Struct, frozen=True, kw_only=True):
    family: str | None
    quantization: str | None
    parameters: str | None
    """As people write it: 7.6B."""
    header: GgufHeader | None
    """None: there is no model file, or it is no GGUF."""
    file: Blob | None
    """The layer with the weights."""
    loaded_bytes: int = 0
    """Of all that a server loads: weights, projector, adapter."""
    problem: str | None = None
    """Why the header could not be read, when the file is a damaged GGUF."""


def describe(paths: StorePaths, manifest: Manifest) -> Description:
    """Never raises for what the files hold."""
    config = _config(paths, manifest)
    file = next((layer for layer in manifest.layers if layer.mediaType == LAYER_MEDIA + "model"), None)
    header, problem = _header(paths, file)
    count = header.parameter_count if header else None
    return Description(
        family=_text(config, "model_family") or (header.architecture if header else None),
        quantization=_text(config, "file_type") or (header.file_type if header else None),
        parameters=_text(config, "model_type") or (_billions(count) if count else None),
        header=header,
        file=file,
        loaded_bytes=sum(layer.size for layer in manifest.loaded),
        problem=problem,
    )


def _config(paths: StorePaths, manifest: Manifest) -> dict[str, Any]:
    raw = read_small(paths.blob(manifest.config), _CONFIG_BYTES)
    try:
        config = msgspec.json.decode(raw) if isinstance(raw, bytes) else {}
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return {}
    return config if isinstance(config, dict) else {}


def _text(config: dict[str, Any], key: str) -> str | None:
    """Only what can be shown; Ollama writes `unknown` where it does not know either."""
    value = config.get(key)
    if not isinstance(value, str) or not value.isprintable() or value == "unknown":
        return None
    return value[:_SHOWN] or None


def _header(paths: StorePaths, file: Blob | None) -> tuple[GgufHeader | None, str | None]:
    if file is None:
        return None, None
    try:
        return read_gguf(paths.blob(file)), None
    except IntegrityError as error:
        return None, error.message


def _billions(count: int) -> str:
    return f"{count / 1e9:.1f}B" if count >= 1e9 else f"{count / 1e6:.2f}M"
