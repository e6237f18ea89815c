"""A file that is neither a GGUF nor a bundle, named as what it is: what people import by mistake.

By its first bytes, and where these tell nothing by the suffix of its name.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from jetson_deploy.names import shown
from jetson_deploy.store.bundle.tar_members import Refused
from jetson_deploy.units import size_text

_START_BYTES = 4096
_DOCUMENT_BYTES = 1 << 20
_LFS = re.compile(rb"version https://git-lfs\.github\.com/spec/v1\r?\n(?:.*\r?\n)*?size ([0-9]{1,18})")
_HTML = re.compile(rb"(?is)(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head)\b")
_MODELFILE = re.compile(rb"(?:#.*\n|\s)*FROM[ \t]+\S", re.IGNORECASE)
_CONVERT = "get the model as a GGUF file, or make one with llama.cpp's convert_hf_to_gguf.py"
_AGAIN = "download the file itself; on Hugging Face its link has /resolve/ in it, not /blob/"
_OLD_GGML = (b"lmgg", b"fmgg", b"tjgg", b"algg")
"""ggml, ggmf, ggjt and ggla as little-endian numbers."""


class _Start(NamedTuple):
    path: Path
    size: int
    first: bytes
    content: Callable[[], bytes]
    """The whole file where it is small, else its first bytes."""


def refuse_mistaken(path: Path, descriptor: int) -> None:
    """Raises Refused that says what the file is; nothing when it may be a bundle. Raises OSError."""
    size = os.fstat(descriptor).st_size
    start = _Start(
        path, size, os.pread(descriptor, _START_BYTES, 0), lambda: os.pread(descriptor, min(size, _DOCUMENT_BYTES), 0)
    )
    if size == 0:
        raise Refused("it is empty", "its download or copy failed; get it again")
    for known in (_pointer, _page, _weights, _document, _modelfile, _named_gguf):
        if (found := known(start)) is not None:
            raise Refused(*found)


def _pointer(start: _Start) -> tuple[str, str] | None:
    found = _LFS.match(start.first)
    if found is None:
        return None
    why = f"it is a Git LFS pointer, not the file ({size_text(int(found[1]))} are missing)"
    return why, "run git lfs pull in the repository that it lies in, then import it again"


def _page(start: _Start) -> tuple[str, str] | None:
    return ("it is an HTML page, not the file", _AGAIN) if _HTML.match(_text(start.first)) else None


def _weights(start: _Start) -> tuple[str, str] | None:
    first = start.first
    if first.startswith(b"PK\x03\x04"):
        checkpoint = b"data.pkl" in first or start.path.suffix in (".bin", ".pt", ".pth")
        kind = "a PyTorch checkpoint (zip)" if checkpoint else "a zip archive"
        return f"it is {kind}, not a GGUF", _CONVERT if checkpoint else "unpack it first: unzip FILE"
    length = int.from_bytes(first[:8], "little")
    if first[8:9] == b"{" and 2 <= length < start.size:
        return "it holds safetensors, not a GGUF", _CONVERT
    if first[:1] == b"\x80" and first[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return "it is a Python pickle (a PyTorch checkpoint), not a GGUF", _CONVERT
    if first[:4] in _OLD_GGML:
        return "it is a GGML file of before GGUF (August 2023), which no current server loads", _CONVERT
    return None


def _document(start: _Start) -> tuple[str, str] | None:
    text = _text(start.first)
    if text[:1] not in (b"{", b"[") or start.size > _DOCUMENT_BYTES:
        return None
    try:
        document = msgspec.json.decode(_text(start.content()))
    # ValueError covers broken UTF-8; RecursionError comes from deep nesting.
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    error = _error_in(document)
    return f"it is a JSON document, not the file{f': {shown(error)}' if error else ''}", _AGAIN


def _error_in(document: Any) -> str | None:
    """What a server that refused a download wrote."""
    for key in ("error", "message", "detail", "errors"):
        found = document.get(key) if isinstance(document, dict) else None
        if isinstance(found, list) and found:
            found = found[0]
        if isinstance(found, dict):
            found = found.get("message")
        if isinstance(found, str) and found:
            return found
    return None


def _modelfile(start: _Start) -> tuple[str, str] | None:
    if b"\0" in start.first or not _MODELFILE.match(start.first):
        return None
    hint = "import the GGUF that its FROM names; what else it says goes into the YAML of --modelfile"
    return "it is a Modelfile, not a model", hint


def _named_gguf(start: _Start) -> tuple[str, str] | None:
    """The name says what was meant."""
    if start.path.suffix.lower() != ".gguf":
        return None
    if not start.first.strip(b"\0"):
        return "it begins with zeros: the download that made room for it never wrote there", "download it again"
    return f"it is no GGUF, it begins with {shown(start.first[:8].decode('latin-1'))}", "download it again"


def _text(raw: bytes) -> bytes:
    """Without a byte order mark and leading white space."""
    return raw.removeprefix(b"\xef\xbb\xbf").lstrip()
