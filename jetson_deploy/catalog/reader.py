"""One YAML file → plain data, without YAML's traps.

Read event by event: that is one pass, faster than PyYAML's own constructor, and it sees what a constructed
value hides (duplicate keys, anchors, the line). Of YAML 1.1's resolutions only null, true, false, integers
and decimals are kept, so that `no`, `12:30` and `2025-01-30` stay the text that they look like.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from jetson_deploy.catalog.wording import catalog_error, shown

MAX_BYTES = 1 << 20
MAX_DEPTH = 24
Lines: TypeAlias = dict[tuple[Any, ...], int]
"""Path of a key → its line, from 1."""
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})", re.ASCII)
_DECIMAL = re.compile(r"[-+]?[0-9]{1,30}(\.[0-9]{0,30})?([eE][-+]?[0-9]{1,2})?", re.ASCII)
_WORDS: dict[str, bool | None] = {"": None, "null": None, "~": None, "true": True, "false": False}
_QUOTE = "plain YAML is read: maps, lists, text, numbers, true, false, null"


def read_yaml(path: Path, *, raw: bytes | None = None, lines: Lines | None = None) -> dict[Any, Any]:
    """The file's mapping; an empty file is an empty one. Raises CatalogError naming file and line.

    `raw`: its content, where it was read already; `path` then only names it. `lines` is filled.
    """
    data = parse_yaml(_text(path, raw), path, lines)
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise catalog_error(path, "", "must be a mapping (key: value), the file holds something else", hint=_QUOTE)
    return data


def _text(path: Path, raw: bytes | None) -> str:
    try:
        raw = _bytes(path) if raw is None else raw
    except OSError as error:
        reason = error.strerror or "cannot be read"
        raise catalog_error(path, "", reason, hint="make the file readable, or remove it") from None
    if len(raw) > MAX_BYTES:
        raise catalog_error(path, "", "is larger than 1 MiB", hint="such a file is a few kB; is it the right one?")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise catalog_error(path, "", "is not text in UTF-8", hint="save it as UTF-8 text, or remove it")
    return text


def _bytes(path: Path) -> bytes:
    # O_NONBLOCK: a FIFO of that name must not hang the tool
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "is not a regular file")
        return file.read(MAX_BYTES + 1)


def parse_yaml(text: str, path: Path, lines: Lines | None = None) -> Any:
    """`path` only names the file in errors. `lines` gets the line of every key."""
    loader = None
    try:
        loader = _LOADER(text)
        return _Builder(path, lines).build(loader)
    except yaml.YAMLError as error:
        raise catalog_error(path, "", _syntax(error), hint=_QUOTE, code="catalog-syntax") from None
    finally:
        if loader is not None:
            loader.dispose()


def _syntax(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "cannot be parsed"
    where = f"line {mark.line + 1}: " if mark is not None else ""
    return f"{where}{problem} (YAML syntax)"


class _Builder:
    """A stack instead of recursion: depth is data of the user."""

    def __init__(self, path: Path, lines: Lines | None) -> None:
        self.path = path
        self.lines = lines
        self.stack: list[dict[Any, Any] | list[Any]] = []
        self.keys: list[Any] = []
        self.path_of_top: list[Any] = []
        self.root: Any = None
        self.documents = 0

    def build(self, loader: Any) -> Any:
        while (event := loader.get_event()) is not None:
            handle = _HANDLERS.get(type(event))
            if handle is not None:
                handle(self, event)
        return self.root

    def document(self, event: yaml.DocumentStartEvent) -> None:
        self.documents += 1
        if self.documents > 1:
            raise self._refuse(event, "a second document ('---')", "keep one document per file")

    def alias(self, event: yaml.AliasEvent) -> None:
        raise self._refuse(event, "an alias (*name)", "write the value out; anchors and aliases are not read")

    def scalar(self, event: yaml.ScalarEvent) -> None:
        self._plain(event)
        self._add(_resolve(event.value) if event.implicit[0] else event.value, event)

    def mapping(self, event: yaml.MappingStartEvent) -> None:
        self._open({}, event)

    def sequence(self, event: yaml.SequenceStartEvent) -> None:
        self._open([], event)

    def close(self, event: yaml.CollectionEndEvent) -> None:
        self.stack.pop()
        self.keys.pop()
        if self.path_of_top:
            self.path_of_top.pop()

    def _open(self, value: dict[Any, Any] | list[Any], event: yaml.NodeEvent) -> None:
        self._plain(event)
        if len(self.stack) >= MAX_DEPTH:
            raise self._refuse(event, f"more than {MAX_DEPTH} levels", "no file of ours is nested so deep")
        key = self._key_of_next()
        self._add(value, event)
        if self.stack:
            self.path_of_top.append(key)
        self.stack.append(value)
        self.keys.append(_NO_KEY)

    def _plain(self, event: Any) -> None:
        if event.anchor is not None:
            raise self._refuse(event, "an anchor (&name)", "write the value out; anchors and aliases are not read")
        if event.tag is not None and event.tag != "!":
            raise self._refuse(event, f"the tag {shown(event.tag)}", _QUOTE)

    def _add(self, value: Any, event: Any) -> None:
        if not self.stack:
            self.root = value
            return
        top = self.stack[-1]
        if isinstance(top, list):
            self._note_line(len(top), event)
            top.append(value)
        elif self.keys[-1] is _NO_KEY:
            self.keys[-1] = self._key(top, value, event)
        else:
            top[self.keys[-1]] = value
            self.keys[-1] = _NO_KEY

    def _key(self, top: dict[Any, Any], value: Any, event: Any) -> Any:
        if isinstance(value, (dict, list)):
            raise self._refuse(event, "a map or list as a key", "a key is text or a number")
        if value in top:
            raise self._refuse(event, f"the key {shown(value)} twice", "keep one of the two", "catalog-duplicate-key")
        self._note_line(value, event)
        return value

    def _key_of_next(self) -> Any:
        top = self.stack[-1] if self.stack else {}
        return len(top) if isinstance(top, list) else self.keys[-1] if self.keys else None

    def _note_line(self, key: Any, event: Any) -> None:
        if self.lines is not None:
            path = (*self.path_of_top, key)
            self.lines[path] = event.start_mark.line + 1

    def _refuse(self, event: Any, what: str, hint: str, code: str = "catalog-syntax") -> Exception:
        line = event.start_mark.line + 1
        return catalog_error(self.path, "", f"line {line}: holds {what}", hint=hint, code=code)


_NO_KEY = object()
_HANDLERS: dict[type, Any] = {
    yaml.DocumentStartEvent: _Builder.document,
    yaml.AliasEvent: _Builder.alias,
    yaml.ScalarEvent: _Builder.scalar,
    yaml.MappingStartEvent: _Builder.mapping,
    yaml.SequenceStartEvent: _Builder.sequence,
    yaml.MappingEndEvent: _Builder.close,
    yaml.SequenceEndEvent: _Builder.close,
}


def _resolve(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-0123456789":
        return text
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _DECIMAL.fullmatch(text) else text
