"""Change members of a JSON text in place: every byte that is not ours stays, and with it order, numbers and layout.

What Docker (Go's encoding/json) would refuse, or read otherwise than we do, is refused here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from json.decoder import scanstring  # type: ignore[attr-defined]

import msgspec

_BLANK = " \t\r\n"
_INDENT = "    "


class BadJson(ValueError):  # noqa: N818 - what is wrong, to follow a file's name
    """`is not JSON: line 3: …`."""


class Member(msgspec.Struct, frozen=True):
    key: str
    start: int
    """Of the key's quote."""
    value: int
    end: int


def meaning(text: str) -> object:
    """As values, numbers by their digits. Raises BadJson for what is no object, or says a key twice."""
    return _Meaning(text).whole()


def member(text: str, keys: tuple[str, ...]) -> str | None:
    """The text of the value there; None: there is none. Raises BadJson."""
    found = _find(text, keys)
    return None if found is None else text[found.value : found.end]


def with_member(text: str, keys: tuple[str, ...], value: str) -> str:
    """`value`: JSON text. Raises BadJson where something on the way is no object."""
    if not text.strip(_BLANK):
        text = "{}\n"
    at = _start(text)
    for depth, key in enumerate(keys):
        if text[at] != "{":
            raise BadJson(f"holds {text[at : at + 20]!r} under {'.'.join(keys[:depth])!r}, where an object belongs")
        members = list(_members(text, at))
        found = next((one for one in members if one.key == key), None)
        if found is None:
            nested = _nested(keys[depth:], value)
            return _inserted(text, at, members, nested)
        at = found.value
        if depth == len(keys) - 1 or text[found.value : found.end] == "null":
            inner = value if depth == len(keys) - 1 else "{" + _nested(keys[depth + 1 :], value) + "}"
            return text[: found.value] + inner + text[found.end :]
    return text


def without_member(text: str, keys: tuple[str, ...]) -> str:
    """And without the objects around it that are empty then. Raises BadJson."""
    found = _find(text, keys)
    if found is None:
        return text
    before = text[: found.start].rstrip(_BLANK)
    after = text[found.end :]
    rest = after.lstrip(_BLANK)
    if rest.startswith(","):
        short = text[: found.start] + rest[1:].lstrip(_BLANK)
    elif before.endswith(","):
        short = before[:-1] + after
    else:
        short = before + rest
    outer = keys[:-1]
    return without_member(short, outer) if outer and meaning(f"{member(short, outer)}") == {} else short


def _nested(keys: tuple[str, ...], value: str) -> str:
    for key in reversed(keys[1:]):
        value = f"{{{json.dumps(key)}: {value}}}"
    return f"{json.dumps(keys[0])}: {value}"


def _inserted(text: str, at: int, members: list[Member], new: str) -> str:
    """Behind the last member, in the way that the first one is set."""
    if not members:
        end = text.index("}", at)
        return f"{text[: at + 1]}\n{_INDENT}{new}\n{text[end:]}"
    first, last = members[0], members[-1]
    gap = text[at + 1 : first.start]
    return text[: last.end] + "," + (gap or " ") + new + text[last.end :]


def _find(text: str, keys: tuple[str, ...]) -> Member | None:
    found, at = None, _start(text)
    for key in keys:
        if text[at : at + 1] != "{":
            return None
        found = next((one for one in _members(text, at) if one.key == key), None)
        if found is None:
            return None
        at = found.value
    return found


def _start(text: str) -> int:
    return len(text) - len(text.lstrip(_BLANK))


def _members(text: str, at: int) -> Iterator[Member]:
    """Of the object that opens at `at`, in a text that `meaning` took."""
    decoder = json.JSONDecoder(parse_float=_Number, parse_int=_Number)  # digits without end are no int
    at = _skip(text, at + 1)
    while text[at] != "}":
        key, end = scanstring(text, at + 1)
        value = _skip(text, _skip(text, end) + 1)
        _, after = decoder.raw_decode(text, value)
        yield Member(key, at, value, after)
        at = _skip(text, after)
        if text[at] == ",":
            at = _skip(text, at + 1)


def _skip(text: str, at: int) -> int:
    while text[at] in _BLANK:
        at += 1
    return at


class _Number(str):
    """By its digits: 1e400 and 12345678901234567890 stay what they are."""

    __slots__ = ()


class _Meaning:
    def __init__(self, text: str) -> None:
        self._text = text

    def whole(self) -> object:
        if not self._text.strip(_BLANK):
            return {}
        decoder = json.JSONDecoder(
            object_pairs_hook=_object, parse_constant=_constant, parse_float=_Number, parse_int=_Number
        )
        try:
            value, end = decoder.raw_decode(self._text, _start(self._text))
        except json.JSONDecodeError as error:
            raise BadJson(f"is not JSON: line {error.lineno}, column {error.colno}: {error.msg}") from error
        except RecursionError as error:
            raise BadJson("is nested too deeply") from error
        if rest := self._text[end:].strip(_BLANK):
            raise BadJson(f"goes on behind its end with {rest[:20]!r}")
        if not isinstance(value, dict):
            raise BadJson("is no JSON object")
        return value


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made: dict[str, object] = {}
    for key, value in pairs:
        if key in made:
            raise BadJson(f"says {key!r} twice")
        made[key] = value
    return made


def _constant(text: str) -> object:
    raise BadJson(f"holds {text}, which is no JSON")
