"""Small GGUF files for tests, written value by value, so that a test can write a wrong one too."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

_CODES = {"u8": (0, "B"), "i8": (1, "b"), "u16": (2, "H"), "u32": (4, "I"), "i32": (5, "i"), "f32": (6, "f")}
_CODES |= {"bool": (7, "?"), "u64": (10, "Q"), "i64": (11, "q"), "f64": (12, "d")}
TENSOR_OF_F32, TENSOR_OF_Q4_K = 0, 12


def text(content: str | bytes, order: str = "<") -> bytes:
    raw = content.encode() if isinstance(content, str) else content
    return struct.pack(f"{order}Q", len(raw)) + raw


@dataclass
class GgufFile:
    """`values`: key → (kind, value); kinds are those of _CODES, `text`, and any of them with [] for an array."""

    values: dict[str, tuple[str, object]] = field(default_factory=dict)
    tensors: list[tuple[str, tuple[int, ...], int, int]] = field(default_factory=list)
    """Name, dimensions, type, offset."""
    version: int = 3
    order: str = "<"
    data: bytes = b""

    def header(self) -> bytes:
        counts = struct.pack(f"{self.order}IQQ", self.version, len(self.tensors), len(self.values))
        keys = b"".join(text(key, self.order) + self._value(*value) for key, value in self.values.items())
        return b"GGUF" + counts + keys + b"".join(self._tensor(*tensor) for tensor in self.tensors)

    def content(self) -> bytes:
        header = self.header()
        return header + bytes(-len(header) % 32) + self.data

    def _value(self, kind: str, value: object) -> bytes:
        if kind.endswith("[]") and isinstance(value, (list, tuple)):
            inner = kind[:-2]
            head = struct.pack(f"{self.order}IIQ", 9, 8 if inner == "text" else _CODES[inner][0], len(value))
            return head + b"".join(self._bare(inner, v) for v in value)
        number = 8 if kind == "text" else _CODES[kind][0]
        return struct.pack(f"{self.order}I", number) + self._bare(kind, value)

    def _bare(self, kind: str, value: object) -> bytes:
        if kind == "text":
            return text(value if isinstance(value, bytes) else str(value), self.order)
        return struct.pack(f"{self.order}{_CODES[kind][1]}", value)

    def _tensor(self, name: str, dimensions: tuple[int, ...], kind: int, offset: int) -> bytes:
        shape = struct.pack(f"{self.order}I{len(dimensions)}Q", len(dimensions), *dimensions)
        return text(name, self.order) + shape + struct.pack(f"{self.order}IQ", kind, offset)


def small_gguf(**changed: object) -> GgufFile:
    """A made-up model of 4,608 parameters in Q4_K_M, with every key that is read."""
    values: dict[str, tuple[str, object]] = {
        "general.architecture": ("text", "llama"),
        "general.type": ("text", "model"),
        "general.name": ("text", "Tiny Llama"),
        "general.file_type": ("u32", 15),
        "llama.context_length": ("u32", 2048),
        "llama.block_count": ("u32", 2),
        "llama.embedding_length": ("u32", 64),
        "llama.feed_forward_length": ("u32", 128),
        "llama.attention.head_count": ("u32", 4),
        "llama.attention.head_count_kv": ("u32[]", [1, 2]),
        "llama.attention.key_length": ("u64", 16),
        "llama.attention.value_length": ("i32", 16),
        "llama.rope.freq_base": ("f32", 10000.0),
        "llama.vocab_size": ("u32", 7),
        "tokenizer.ggml.add_bos_token": ("bool", True),
        "tokenizer.ggml.tokens": ("text[]", ["<s>", "</s>", "a", "b", "ab"]),
        "tokenizer.ggml.scores": ("f32[]", [0.0] * 5),
        "tokenizer.chat_template": ("text", "{{ messages }}" * 1000),
    }
    tensors: list[tuple[str, tuple[int, ...], int, int]] = [
        ("token_embd.weight", (256, 2), TENSOR_OF_Q4_K, 0),
        ("output.weight", (64, 64), TENSOR_OF_F32, 288),
    ]
    file = GgufFile(values, tensors, data=bytes(288 + 64 * 64 * 4))
    for key, value in changed.items():
        setattr(file, key, value)
    return file
