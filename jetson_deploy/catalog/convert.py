"""Plain data → a typed entry; an error names the file, the key path and the nearest valid name.

msgspec converts a whole file at once (fast) and names a map's key only as `[...]`; the key is searched for
when it is needed, after a failure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn, TypeVar

import msgspec

from jetson_deploy.catalog.parts import Part, blame, merged
from jetson_deploy.catalog.wording import catalog_error, nearest, shown, suggestion

T = TypeVar("T")
KeyPath = tuple[Any, ...]
_PLACE = re.compile(r" - at (?P<key>`key` in )?`\$(?P<path>[^`]*)`$")
_STEP = re.compile(r"\.(?P<name>\w+)|\[(?P<index>\d+)\]|(?P<any>\[\.\.\.\])")
_ANY = object()
ENTRIES = "jetson_deploy/catalog/entries.py and image_entries.py describe every key"
_WORDS = {"object": "a map", "array": "a list", "str": "text", "int": "a whole number", "float": "a number"}
_WORDS |= {"bool": "true or false", "null": "null"}
_PATTERNS = {
    "[KMG]": "bytes, with K, M or G if you like: 500K, 2.5M",
    "sha256:": "a digest, sha256: and 64 hex digits",
    "[0-9a-f]{64}": "64 hex digits",
    "[0-9]{1,6}": "a version such as 36.4.3",
}


def convert(
    parts: Sequence[Part], wanted: type[T], known: Sequence[str] = (), data: Any = None, described_by: str = ENTRIES
) -> T:
    """`known`: the entry's own name, then its neighbours', to suggest. `data`: the merged data, if changed.

    `described_by` tells where a person finds the schema.

    Raises CatalogError.
    """
    data = merged(parts) if data is None else data
    try:
        return msgspec.convert(data, wanted)
    except msgspec.ValidationError as error:
        explain(str(error), parts, data, wanted, known, described_by)


def refuse(
    parts: Sequence[Part], path: KeyPath, problem: str, *, hint: str, code: str = "catalog-bad-value"
) -> NoReturn:
    """Raise the CatalogError for the value at `path`."""
    raise catalog_error(blame(parts, path), dotted(path), problem, hint=hint, code=code)


def dotted(path: KeyPath) -> str:
    return ".".join(shown(step, 60) if not isinstance(step, int) else str(step) for step in path)


def explain(
    message: str, parts: Sequence[Part], data: Any, wanted: Any, known: Sequence[str], described_by: str = ENTRIES
) -> NoReturn:
    path = _real_path(message, data, wanted)
    problem = _PLACE.sub("", message)
    field = re.search(r"field `([^`]*)`", problem)
    if field and "unknown" in problem:
        hint = suggestion(field[1], _valid_at(wanted, path))
        refuse(parts, (*path, field[1]), "unknown key", hint=hint, code="catalog-unknown-key")
    if field and "missing" in problem:
        hint = _missing_hint(path, data, wanted, known)
        refuse(parts, path, f"the key {field[1]} is missing", hint=hint, code="catalog-missing-key")
    if "Invalid enum value" in problem:
        value = _value_at(data, path)
        refuse(parts, path, f"{shown(value)} is not valid here", hint=suggestion(value, _valid_at(wanted, path)))
    of_key = "`key` in" in message
    hint = _type_hint(problem, path[-1] if of_key else _value_at(data, path)) or described_by
    refuse(parts, path, _in_words(problem, of_key), hint=hint)


def _in_words(problem: str, of_key: bool) -> str:
    for sign, words in _PATTERNS.items():
        if "matching regex" in problem and sign in problem:
            return f"must be {words}"
    text = re.sub(r"`([^`]*)`", lambda m: " or ".join(_WORDS.get(w, w) for w in m[1].split(" | ")), problem)
    return text.replace("Expected ", "the key must be " if of_key else "must be ").replace(", got", ", is")


def _type_hint(problem: str, value: Any) -> str:
    if "str" in problem.split("got")[0] and isinstance(value, (int, float)):
        return f'put it in quotes: "{shown(value)}"'
    return ""


def _missing_hint(path: KeyPath, data: Any, wanted: Any, known: Sequence[str]) -> str:
    """A key is mostly missing because an overlay names an entry that does not exist."""
    names: Sequence[Any] = known
    if path:
        in_a_map = isinstance(_type_at(wanted, path[:-1]), msgspec.inspect.DictType)
        names = [path[-1], *_value_at(data, path[:-1])] if in_a_map else ()
    near = nearest(names[0], [n for n in names if n != names[0]]) if names else None
    meant = f"; to change an existing one: did you mean {near}?" if near else ""
    return "a new entry needs every required key" + meant


def _real_path(message: str, data: Any, wanted: Any) -> KeyPath:
    place = _PLACE.search(message)
    if place is None:
        return ()
    steps = list(_steps(place["path"])) + ([_ANY] if place["key"] else [])
    path: KeyPath = ()
    for step in steps:
        if step is _ANY:
            step = _culprit(message, data, wanted, path)
            data = _replaced(data, path, {step: _value_at(data, (*path, step))})  # less to copy for the next one
        path = (*path, step)
    return path


def _steps(text: str) -> Iterator[Any]:
    for match in _STEP.finditer(text):
        if match["any"]:
            yield _ANY
        else:
            yield match["name"] if match["index"] is None else int(match["index"])


def _culprit(message: str, data: Any, wanted: Any, path: KeyPath) -> Any:
    """The key of the map at `path` that alone brings the same message."""
    for key, value in _value_at(data, path).items():
        try:
            msgspec.convert(_replaced(data, path, {key: value}), wanted)
        except msgspec.ValidationError as error:
            if str(error) == message:
                return key
    return "?"


def _replaced(data: Any, path: KeyPath, value: Any) -> Any:
    if not path:
        return value
    copy = data.copy()
    copy[path[0]] = _replaced(data[path[0]], path[1:], value)
    return copy


def _value_at(data: Any, path: KeyPath) -> Any:
    for step in path:
        if isinstance(data, dict):
            data = data.get(step)
        elif isinstance(data, list) and isinstance(step, int) and step < len(data):
            data = data[step]
        else:
            return None
    return data


def _valid_at(wanted: Any, path: KeyPath) -> list[str]:
    """Names of the fields, or of the literals, that the type has at `path`."""
    info = _type_at(wanted, path)
    if isinstance(info, msgspec.inspect.StructType):
        return [field.encode_name for field in info.fields]
    return [str(v) for v in getattr(info, "values", ())]


def _type_at(wanted: Any, path: KeyPath) -> Any:
    info: Any = msgspec.inspect.type_info(wanted)
    for step in path:
        info = _inner(_unwrapped(info), step)
    return _unwrapped(info)


def _unwrapped(info: Any) -> Any:
    """Without metadata, and of `X | None` the X."""
    if isinstance(info, msgspec.inspect.Metadata):
        return _unwrapped(info.type)
    if isinstance(info, msgspec.inspect.UnionType):
        return _unwrapped(next(t for t in info.types if not isinstance(t, msgspec.inspect.NoneType)))
    return info


def _inner(info: Any, step: Any) -> Any:
    if isinstance(info, msgspec.inspect.StructType):
        return next((f.type for f in info.fields if f.encode_name == step), None)
    return getattr(info, "value_type", None) or getattr(info, "item_type", None)
