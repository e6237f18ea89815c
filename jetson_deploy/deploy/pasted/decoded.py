"""Bytes of any kind and size as lines of text, in bounded memory."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import BinaryIO

from jetson_deploy.errors import UsageError

_CHUNK = 1 << 18
_LONGEST = 1 << 16
"""A line that goes on is cut here."""
_BREAK = re.compile(r"\r\n?|\n")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_PACKED = ((b"\x1f\x8b", "zcat"), (b"\x28\xb5\x2f\xfd", "zstdcat"), (b"\xfd7zXZ\x00", "xzcat"), (b"BZh", "bzcat"))


def decoded_lines(stream: BinaryIO, name: str) -> Iterator[str]:
    """Every line, without its end. `name`: for people. Raises UsageError for a packed file, OSError."""
    first = stream.read(_CHUNK)
    _refuse_packed(first, name)
    decoder = codecs.getincrementaldecoder(_encoding(first))("replace")
    rest, chunk = "", first
    while chunk:
        rest += decoder.decode(chunk)
        *lines, rest = _BREAK.split(rest) if not rest.endswith("\r") else [*_BREAK.split(rest[:-1]), "\r"]
        yield from _short(lines)
        if len(rest) > _LONGEST:
            yield from _short([rest])
            rest = ""
        chunk = stream.read(_CHUNK)
    yield from _short(line for line in _BREAK.split(rest + decoder.decode(b"", final=True)) if line)


def _encoding(first: bytes) -> str:
    """By its mark; without one a text of two bytes a character shows by its zeros."""
    for mark, name in _MARKS:
        if first.startswith(mark):
            return name
    sample = first[:4096]
    for offset, name in ((1, "utf-16-le"), (0, "utf-16-be")):
        if len(sample) > 3 and sample[offset::2].count(0) > len(sample) // 4:
            return name
    return "utf-8"


def _refuse_packed(first: bytes, name: str) -> None:
    for magic, tool in _PACKED:
        if first.startswith(magic):
            hint = f"{tool} {name} | jetson-deploy doctor --log -"
            raise UsageError(f"{name} is a packed file", hint=hint, code="packed-log")


def _short(lines: Iterator[str] | list[str]) -> Iterator[str]:
    for line in lines:
        clean = line.replace("\0", "")
        for start in range(0, max(len(clean), 1), _LONGEST):
            yield clean[start : start + _LONGEST]
