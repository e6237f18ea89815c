"""Parse the `Range` header of a request (RFC 9110, 14)."""

from __future__ import annotations

import re
from typing import NamedTuple

_UNIT = re.compile(r"bytes=(.*)", re.IGNORECASE)
_SPEC = re.compile(r"([0-9]*)-([0-9]*)")
_BEYOND = 1 << 63
"""Stands for every number that is larger than a file can be."""


class ByteRange(NamedTuple):
    """The bytes [start, end)."""

    start: int
    end: int


class NotSatisfiable(Exception):  # noqa: N818 - an answer, not an error
    """A well-formed range of which the content has no byte."""


def asked_range(header: str | None, size: int) -> ByteRange | None:
    """The one range that is asked for; None: send everything.

    A server may ignore the header (14.2): so are other units, several ranges and what is malformed, never wrong
    bytes sent. Raises NotSatisfiable.
    """
    match = _UNIT.fullmatch(header or "")
    specs = [spec for part in match[1].split(",") if (spec := part.strip(" \t"))] if match else []
    found = _SPEC.fullmatch(specs[0]) if len(specs) == 1 else None
    if found is None or found[0] == "-":
        return None
    first, last = found.groups()
    return _suffix(_number(last), size) if not first else _from(_number(first), _number(last) if last else None, size)


def _from(first: int, last: int | None, size: int) -> ByteRange | None:
    if last is not None and last < first:
        return None
    if first >= size:
        raise NotSatisfiable
    return ByteRange(first, size if last is None else min(last + 1, size))


def _suffix(length: int, size: int) -> ByteRange | None:
    if length == 0:
        raise NotSatisfiable
    # Of nothing, the last bytes are everything; no Content-Range can say so.
    return ByteRange(max(0, size - length), size) if size else None


def _number(digits: str) -> int:
    bare = digits.lstrip("0")
    return int(bare or "0") if len(bare) < 19 else _BEYOND
