"""The header of a GGUF file, as a description of its model. Only the header is read, and never more than 64 MiB of it.

The format: ggml/docs/gguf.md. Versions 2 and 3, little-endian, which is all that Ollama's runners load. Every
count and length in it is untrusted: checked before it is used; arrays are skipped, not stored.
"""

from __future__ import annotations

import os
import stat
import struct
from pathlib import Path
from typing import Any

import msgspec

from jetson_deploy.errors import IntegrityError
from jetson_deploy.store.gguf.types import FILE_TYPES, TENSOR_BLOCKS
from jetson_deploy.store.gguf.window import Damaged, Window

MAGIC = b"GGUF"
MOST_KEYS = 16_384
MOST_TENSORS = 65_536
MOST_DIMENSIONS = 4  # GGML_MAX_DIMS
MOST_STRINGS = 2_000_000
"""In all arrays together; the largest vocabularies have 262,144 tokens and half a million merges."""
_KEPT_KEY_BYTES = 256
_KEPT_TEXT_BYTES = 1024
_KEPT_TEMPLATE_BYTES = 64 << 10
_KEPT_NUMBERS = 4096
"""Of an array with one number per layer."""
_STRING, _ARRAY = 8, 9
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_BOOLEAN = 7
_INTEGERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 10: "Q", 11: "q"}
_LISTED = {**_INTEGERS, _BOOLEAN: "B"}
_TEXTS = ("general.architecture", "general.name", "general.type")
_NUMBERS = ("general.file_type", "general.alignment", "split.count")
_TOKENS = "tokenizer.ggml.tokens"
_TEMPLATE = "tokenizer.chat_template"
_BY_ARCHITECTURE = {
    "context_length": ".context_length",
    "block_count": ".block_count",
    "embedding_length": ".embedding_length",
    "feed_forward_length": ".feed_forward_length",
    "head_count": ".attention.head_count",
    "head_count_kv": ".attention.head_count_kv",
    "key_length": ".attention.key_length",
    "value_length": ".attention.value_length",
    "vocabulary_size": ".vocab_size",
    "sliding_window": ".attention.sliding_window",
    "key_length_mla": ".attention.key_length_mla",
    "full_attention_interval": ".full_attention_interval",
    "expert_used_count": ".expert_used_count",
    "expert_feed_forward_length": ".expert_feed_forward_length",
    "state_size": ".ssm.state_size",
    "state_inner_size": ".ssm.inner_size",
    "vision_blocks": ".vision.block_count",
}
"""Field → the end of its key, which begins with the architecture. Where there is a number per layer: the largest."""
_KV_HEADS, _PATTERN = ".attention.head_count_kv", ".attention.sliding_window_pattern"
_SUFFIXES = (*_BY_ARCHITECTURE.values(), _PATTERN)


class GgufHeader(msgspec.Struct, frozen=True, kw_only=True):
    """None where the file does not say; 0 where it says so (heads of a model without attention)."""

    architecture: str | None
    name: str | None
    kind: str | None
    """`general.type`: model, adapter, mmproj…; older files say nothing."""
    file_type: str | None
    """Q4_K_M, F16…"""
    parameter_count: int | None
    """Elements of all tensors; None when the file lists none."""
    context_length: int | None
    block_count: int | None
    embedding_length: int | None
    feed_forward_length: int | None
    head_count: int | None
    head_count_kv: int | None
    key_length: int | None
    value_length: int | None
    vocabulary_size: int | None
    split_count: int | None
    """More than 1: one part of a model in several files."""
    sliding_window: int | None = None
    key_length_mla: int | None = None
    full_attention_interval: int | None = None
    """Of hybrid models: every so many layers one has attention."""
    expert_used_count: int | None = None
    expert_feed_forward_length: int | None = None
    state_size: int | None = None
    state_inner_size: int | None = None
    vision_blocks: int | None = None
    kv_heads_by_layer: tuple[int, ...] = ()
    """Empty: the same in every layer."""
    window_by_layer: tuple[int, ...] = ()
    """1: looks back a window only. Empty: the file does not say, or one number for all."""
    tied_embedding_bytes: int = 0
    """Of the token embedding, where it is the output matrix too."""
    least_bytes: int
    """The file must have so many to hold every tensor that it lists, as far as their types are known."""
    chat_template: str | None = None
    """Jinja, as it stands there: foreign text."""


def is_gguf(descriptor: int) -> bool:
    """By its first bytes; a file that cannot be read is left to whoever reads it next."""
    try:
        return os.pread(descriptor, len(MAGIC), 0) == MAGIC
    except OSError:
        return False


def read_gguf(path: Path) -> GgufHeader | None:
    """The header; None when the file is no GGUF. Raises IntegrityError `gguf-damaged`, also for an unreadable file."""
    try:
        # O_NONBLOCK: a FIFO of that name must not hang the tool
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            return _read(descriptor)
        finally:
            os.close(descriptor)
    except Damaged as error:
        raise _damaged(path, str(error)) from None
    except OSError as error:
        raise _damaged(path, error.strerror or "it cannot be read") from None


def _damaged(path: Path, why: str) -> IntegrityError:
    return IntegrityError(
        f"{path} is not a usable GGUF file: {why}",
        hint="get it again from where it came; only whole GGUF files of version 2 or 3, little-endian, can be used",
        code="gguf-damaged",
    )


def _read(descriptor: int) -> GgufHeader | None:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise Damaged("it is not a regular file")
    if os.pread(descriptor, len(MAGIC), 0) != MAGIC:
        return None
    return _Header(Window(descriptor, status.st_size)).read()


class _Header:
    """One pass over a header."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._texts: dict[str, str] = {}
        self._template: str | None = None
        self._numbers: dict[str, int] = {}
        self._by_layer: dict[str, tuple[int, ...]] = {}
        self._embedding_bytes, self._has_output = 0, False
        self._strings = 0
        self._parameters = 0
        self._data_bytes = 0

    def read(self) -> GgufHeader:
        self._window.skip(len(MAGIC))
        _check_version(self._window.number("I"))
        tensors, keys = self._window.number("Q"), self._window.number("Q")
        if keys > MOST_KEYS or tensors > MOST_TENSORS:
            raise Damaged(f"it claims {keys} keys and {tensors} tensors")
        for _ in range(keys):
            self._key()
        for _ in range(tensors):
            self._tensor()
        return self._header(tensors)

    def _key(self) -> None:
        key = self._window.text(_KEPT_KEY_BYTES)
        kind = self._window.number("I")
        if kind == _ARRAY:
            self._array(key)
        elif kind == _STRING:
            text = self._window.text(_KEPT_TEMPLATE_BYTES if key == _TEMPLATE else _KEPT_TEXT_BYTES)
            if key == _TEMPLATE:
                self._template = text
            elif key in _TEXTS and text:
                self._texts[key] = "".join(c if c.isprintable() else "\ufffd" for c in text)
        elif kind in _INTEGERS and _is_wanted(key):
            self._keep(key, self._window.number(_INTEGERS[kind]))
        elif kind in _SIZES:
            self._window.skip(_SIZES[kind])
        else:
            raise Damaged(f"a value has the unknown type {kind}")

    def _array(self, key: str | None) -> None:
        kind, count = self._window.number("I"), self._window.number("Q")
        if key == _TOKENS:
            self._numbers[_TOKENS] = count
        if kind == _STRING:
            self._strings += count
            if self._strings > MOST_STRINGS:
                raise Damaged(f"its arrays claim {self._strings} texts")
            self._window.skip_texts(count)
        elif key is not None and kind in _LISTED and 0 < count <= _KEPT_NUMBERS and _is_wanted(key):
            self._by_layer[key] = self._window.numbers(_LISTED[kind], count)
            self._keep(key, max(self._by_layer[key]))
        elif kind in _SIZES:
            self._window.skip(_SIZES[kind] * count)
        else:
            # Arrays of arrays, which the format allows, are read by no version of Ollama or llama.cpp.
            raise Damaged(f"an array holds values of type {kind}")

    def _keep(self, key: str | None, number: int) -> None:
        if key is not None and number >= 0:
            self._numbers[key] = number

    def _tensor(self) -> None:
        name = self._window.text(_KEPT_KEY_BYTES)
        dimensions = self._window.number("I")
        if dimensions > MOST_DIMENSIONS:
            raise Damaged(f"a tensor has {dimensions} dimensions")
        elements = 1
        for length in self._window.numbers("Q", dimensions):
            elements *= length
        kind, offset = self._window.number("I"), self._window.number("Q")
        block, size = TENSOR_BLOCKS.get(kind, (1, 0))
        self._embedding(name, elements // block * size)
        self._parameters += elements
        self._data_bytes = max(self._data_bytes, offset + elements // block * size)
        if self._parameters >= 1 << 63 or self._data_bytes >= 1 << 63:
            raise Damaged("its tensors are larger than any disk")

    def _embedding(self, name: str | None, size: int) -> None:
        if name == "token_embd.weight":
            self._embedding_bytes = size
        elif name == "output.weight":
            self._has_output = True

    def _header(self, tensors: int) -> GgufHeader:
        architecture = self._texts.get("general.architecture")
        known: dict[str, Any] = {
            field: self._numbers.get(f"{architecture}{suffix}") for field, suffix in _BY_ARCHITECTURE.items()
        }
        known["vocabulary_size"] = self._numbers.get(_TOKENS, known["vocabulary_size"])
        return GgufHeader(
            architecture=architecture,
            name=self._texts.get("general.name"),
            kind=self._texts.get("general.type"),
            file_type=FILE_TYPES.get(self._numbers.get("general.file_type", -1)),
            parameter_count=self._parameters if tensors else None,
            split_count=self._numbers.get("split.count"),
            kv_heads_by_layer=self._by_layer.get(f"{architecture}{_KV_HEADS}", ()),
            window_by_layer=self._by_layer.get(f"{architecture}{_PATTERN}", ()),
            tied_embedding_bytes=0 if self._has_output else self._embedding_bytes,
            least_bytes=self._data_start() + self._data_bytes,
            chat_template=self._template,
            **known,
        )

    def _data_start(self) -> int:
        alignment = self._numbers.get("general.alignment", 32)
        if not 0 < alignment <= 1 << 20:
            raise Damaged(f"its alignment is {alignment}")
        return -(-self._window.position // alignment) * alignment


def _is_wanted(key: str | None) -> bool:
    return key is not None and (key in _NUMBERS or key.endswith(_SUFFIXES))


def _check_version(version: int) -> None:
    if version in (2, 3):
        return
    if int.from_bytes(struct.pack("<I", version), "big") in (2, 3):
        raise Damaged("it is big-endian, for machines of another kind")
    raise Damaged(f"its version is {version}, not 2 or 3")
