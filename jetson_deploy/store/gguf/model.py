"""A model made of a GGUF file and what a Modelfile says: the layers that Ollama's own `create` would write.

(server/create.go of Ollama 0.9.5; the real one is compared with in tests/integration.)
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from jetson_deploy.catalog.modelfile import Modelfile
from jetson_deploy.errors import IntegrityError
from jetson_deploy.events import Reporter
from jetson_deploy.names import ModelName
from jetson_deploy.store.bundle.file_source import Extent, FileSource
from jetson_deploy.store.gguf.chat_template import ChatFormat, chat_format
from jetson_deploy.store.gguf.header import GgufHeader, read_gguf
from jetson_deploy.store.hashing import hash_file
from jetson_deploy.store.interrupt import check_stop
from jetson_deploy.store.manifest import CONFIG_MEDIA, LAYER_MEDIA, Blob, Manifest
from jetson_deploy.store.meter import Meter


class GgufModel(msgspec.Struct, frozen=True, kw_only=True):
    raw: bytes
    """The manifest."""
    source: FileSource


def model_of_gguf(
    path: Path,
    descriptor: int,
    name: ModelName,
    modelfile: Modelfile,
    *,
    report: Reporter,
    stop: threading.Event,
    clock: Callable[[], float] = time.monotonic,
) -> GgufModel:
    """Hashes the whole file once. `descriptor`: of `path`. Raises IntegrityError (gguf-damaged, gguf-refused),
    InterruptedRunError."""
    header = _checked_header(path)
    size = path.stat().st_size
    if size < header.least_bytes:
        raise _refused(path, "gguf-damaged", f"it is cut: it has {size} bytes, its tensors need {header.least_bytes}")
    detected = chat_format(header.chat_template)
    if modelfile.template is None:
        report(detected.note)
    weights = _hashed(path, size, Meter(f"model {name.short}", size, report, clock), stop)
    small = _small_layers(modelfile, detected)
    layers = (weights, *(_blob(LAYER_MEDIA + kind, content) for kind, content in small))
    config = _json(_config(header, layers))
    manifest = Manifest(schemaVersion=2, config=_blob(CONFIG_MEDIA, config), layers=layers)
    contents = {_digest(content): content for content in (config, *(content for _, content in small))}
    source = FileSource(path, descriptor, {weights.digest: Extent(0, size)}, contents)
    return GgufModel(raw=msgspec.json.encode(manifest), source=source)


def _checked_header(path: Path) -> GgufHeader:
    header = read_gguf(path)
    if header is None:
        raise _refused(path, "gguf-refused", "it is no GGUF file any more")
    if (header.split_count or 1) > 1:
        raise IntegrityError(
            f"{path} is one of {header.split_count} parts of a model",
            hint="join them first: llama-gguf-split --merge FIRST-PART WHOLE.gguf",
            code="gguf-refused",
        )
    if header.kind not in (None, "model"):
        raise _refused(path, "gguf-refused", f"it holds no model, but: {header.kind}")
    if header.architecture is None or not header.parameter_count:
        raise _refused(path, "gguf-refused", "it names no architecture, or holds no weights")
    return header


def _refused(path: Path, code: str, why: str) -> IntegrityError:
    return IntegrityError(
        f"{path} cannot be imported: {why}", hint="get a whole GGUF file with a model's weights", code=code
    )


def _hashed(path: Path, size: int, meter: Meter, stop: threading.Event) -> Blob:
    meter.phase("hashing")
    meter.tell()
    found = hash_file(path, meter.advance, stop.is_set)
    check_stop(stop, "while hashing; nothing was changed")
    if found.sha256 is None or found.changed or found.identity is None or found.identity.size != size:
        raise _refused(path, "gguf-damaged", found.problem or "it was changed while it was read")
    return Blob(digest=f"sha256:{found.sha256}", size=size, mediaType=LAYER_MEDIA + "model")


def _small_layers(modelfile: Modelfile, detected: ChatFormat) -> list[tuple[str, bytes]]:
    """Kind and content of every small layer, in the order of Ollama's `create`, which keeps the stop parameters of the
    format that it knows beside a template that was given."""
    texts = [("template", modelfile.template or detected.template), ("system", modelfile.system)]
    found = [(kind, text.encode()) for kind, text in texts if text is not None]
    found += [("license", text.encode()) for text in dict.fromkeys(modelfile.licenses)]
    parameters = {**({"stop": detected.stop} if detected.stop else {}), **modelfile.parameters}
    if parameters:
        found.append(("params", _json(dict(sorted(parameters.items())))))
    return found


def _config(header: GgufHeader, layers: tuple[Blob, ...]) -> dict[str, Any]:
    return {
        "model_format": "gguf",
        "model_family": header.architecture,
        "model_families": [header.architecture],
        "model_type": human_number(header.parameter_count or 0),
        "file_type": header.file_type or "unknown",
        "architecture": "amd64",  # Ollama's own constant, on any machine
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [layer.digest for layer in layers]},
    }


def human_number(count: int) -> str:
    """7615616512 → `7.6B`: Ollama's format.HumanNumber."""
    for unit, letter, decimals in ((10**9, "B", 1), (10**6, "M", 2), (10**3, "K", 0)):
        if count >= unit:
            return f"{count / unit:.{0 if count % unit == 0 else decimals}f}{letter}"
    return str(count)


def _blob(media: str, content: bytes) -> Blob:
    return Blob(digest=_digest(content), size=len(content), mediaType=media)


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _json(document: Any) -> bytes:
    """As Go's encoder writes it, so that the same model has the same digests here and there."""
    text = msgspec.json.encode(_with_whole_numbers(document))
    for character in b"<>&":
        text = text.replace(bytes([character]), b"\\u%04x" % character)
    return text + b"\n"


def _with_whole_numbers(document: Any) -> Any:
    """1.0 is written as 1."""
    if not isinstance(document, dict):
        return document
    return {key: int(v) if isinstance(v, float) and v.is_integer() else v for key, v in document.items()}
