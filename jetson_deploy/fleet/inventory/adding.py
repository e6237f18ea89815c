"""Devices that are added to fleet.yaml: a few lines at the right place, every comment and every other line kept.

What was written is read again and compared before it takes the place of the file. Where the file is written in a way
that no line can be added to, it is left and the lines are given to the person.
"""

from __future__ import annotations

import contextlib
import copy
import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jetson_deploy.catalog.reader import Lines, read_yaml
from jetson_deploy.errors import CatalogError, UsageError
from jetson_deploy.fleet.device import Device
from jetson_deploy.fleet.inventory.device_names import check_group_name
from jetson_deploy.fleet.inventory.fleet_file import read_fleet_file
from jetson_deploy.names import shown

NEW_MODE = 0o644
_INDENT = "  "
_NOT_PLAIN = re.compile(
    r"[\[\]{}:,]|^[-+.]?[0-9]+(?:[.][0-9]*)?(?:e[-+]?[0-9]+)?$|^(?:null|true|false|yes|no|on|off)$", re.IGNORECASE
)
"""YAML would take it for something else than a text."""


def check_new(path: Path, devices: Sequence[Device], groups: Sequence[str]) -> bytes:
    """What the file holds now; empty: there is none. Raises UsageError for a device that it has already."""
    for group in groups:
        check_group_name(group)
    if not os.path.lexists(path):
        return b""
    inventory = read_fleet_file(path)
    for device in devices:
        if inventory.device(device.name) is not None:
            problem = f"{shown(device.name)} is in {path} already"
            raise UsageError(problem, hint="change its entry there", code="device-twice")
    return path.read_bytes()


def added(before: bytes, path: Path, devices: Sequence[Device], groups: Sequence[str]) -> bytes:
    """The file's new content. Raises UsageError, with the lines to write, where they cannot be added safely."""
    lines: Lines = {}
    try:
        old = read_yaml(path, raw=before, lines=lines) if before else {}
        editing = _Editing(before, lines)
        editing.add_hosts(devices)
        for group in groups:
            editing.add_to_group(group, [device.name for device in devices], old)
        after = editing.content()
        good = read_yaml(path, raw=after) == _expected(old, devices, groups)
        read_fleet_file(path, after)
    except (CatalogError, _CannotBeEdited):
        good = False
    if not good:
        raise UsageError(
            f"{path} is written in a way that no line can be added to safely; it is left as it is",
            hint=f"write there yourself, under `hosts:` -- {_on_one_line(devices)}",
            code="inventory-not-editable",
            details=tuple(line for device in devices for line in _entry(device, _INDENT)),
        )
    return after


def replace(path: Path, before: bytes, after: bytes) -> None:
    """At once, with the mode it had. Raises UsageError: changed by another program meanwhile, or not writable."""
    target = path.resolve()
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        mode = stat.S_IMODE(target.stat().st_mode) if before else NEW_MODE
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(after)
            file.flush()
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        if (target.read_bytes() if target.exists() else b"") != before:
            raise UsageError(
                f"{path} was changed by another program meanwhile; it is left as it is",
                hint="run the same command again",
                code="inventory-changed",
            )
        temporary.replace(target)
    except OSError as error:
        problem = f"{path} cannot be written: {error.strerror}"
        raise UsageError(problem, hint="-i names another file", code="inventory-not-writable") from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def _expected(old: dict[Any, Any], devices: Sequence[Device], groups: Sequence[str]) -> dict[Any, Any]:
    data = copy.deepcopy(old)
    data["hosts"] = {**(data.get("hosts") or {}), **{device.name: _said(device) or None for device in devices}}
    for group in groups:
        sections = data["groups"] = data.get("groups") or {}
        entry = sections[group] = sections.get(group) or {}
        entry["hosts"] = [*(entry.get("hosts") or []), *(device.name for device in devices)]
    return data


def _said(device: Device) -> dict[str, str | int]:
    fields = {"address": device.address, "user": device.user, "port": device.port}
    return {key: value for key, value in fields.items() if value is not None}


def _entry(device: Device, indent: str) -> list[str]:
    said = [f"{indent * 2}{key}: {_scalar(value)}" for key, value in _said(device).items()]
    return [f"{indent}{_scalar(device.name)}:", *said]


def _on_one_line(devices: Sequence[Device]) -> str:
    texts = (", ".join(f"{key}: {_scalar(value)}" for key, value in _said(one).items()) for one in devices)
    return "; ".join(f"{_scalar(one.name)}: {{{text}}}" for one, text in zip(devices, texts, strict=True))


def _scalar(value: str | int) -> str:
    """Names hold no quotes and no control characters."""
    if isinstance(value, int):
        return str(value)
    return f'"{value}"' if _NOT_PLAIN.search(value) else value


class _CannotBeEdited(Exception):  # noqa: N818 - no error: then a person does it
    pass


class _Editing:
    """Lines without their ends; what is inserted moves what stands below."""

    def __init__(self, before: bytes, lines: Lines) -> None:
        text = before.decode()
        self.end = "\r\n" if "\r\n" in text else "\n"
        self.lines = text.split(self.end)
        if self.lines and not self.lines[-1]:
            self.lines.pop()
        self.at = {key: line - 1 for key, line in lines.items()}

    def content(self) -> bytes:
        return (self.end.join(self.lines) + self.end).encode()

    def add_hosts(self, devices: Sequence[Device]) -> None:
        key = ("hosts",)
        if key not in self.at:
            self._insert(len(self.lines), [*([""] if self.lines else []), "hosts:"])
            self.at[key] = len(self.lines) - 1
        indent = self._indent_below(key)
        self._insert(self._after(key), [line for device in devices for line in _entry(device, indent)])

    def add_to_group(self, group: str, names: list[str], old: dict[Any, Any]) -> None:
        if ("groups",) not in self.at:
            self._insert(len(self.lines), ["", "groups:"])
            self.at["groups",] = len(self.lines) - 1
        entry = (old.get("groups") or {}).get(group)
        texts = [_scalar(name) for name in names]
        if ("groups", group, "hosts") in self.at:
            self._extend_list(("groups", group, "hosts"), texts, (entry or {}).get("hosts"))
            return
        indent = self._indent_below(("groups",))
        if ("groups", group) in self.at:
            line = self.at["groups", group]
            inner = self._indent_below(("groups", group))
            self._insert(line + 1, [f"{inner}hosts: [{', '.join(texts)}]"])
        else:
            new = [f"{indent}{_scalar(group)}:", f"{indent * 2}hosts: [{', '.join(texts)}]"]
            at = self._after(("groups",))
            self._insert(at, new)
            self.at |= {("groups", group): at, ("groups", group, "hosts"): at + 1}

    def _extend_list(self, key: tuple[Any, ...], texts: list[str], old: Any) -> None:
        line = self.at[key]
        found = re.fullmatch(r"(\s*hosts:\s*\[)([^\]#]*(?:\[[^\]]*\][^\]#]*)*)\](\s*(?:#.*)?)", self.lines[line])
        if found:
            inside = ", ".join([*([found[2].strip()] if found[2].strip() else []), *texts])
            self.lines[line] = f"{found[1]}{inside}]{found[3]}"
            return
        if not old:
            raise _CannotBeEdited
        ends = [(*key, place) for place in (0, len(old) - 1)]
        first, last = (self.at[end] for end in ends)
        dash = re.match(r"\s*- ", self.lines[first])
        if first <= line or dash is None:
            raise _CannotBeEdited
        self._insert(last + 1, [f"{dash[0]}{text}" for text in texts])

    def _indent_below(self, key: tuple[Any, ...]) -> str:
        """Of the entries of a map in block style; it may be empty."""
        line = self.lines[self.at[key]]
        if not re.fullmatch(r"\s*[^\s#][^#]*:\s*(?:#.*)?", line):
            raise _CannotBeEdited
        own = len(line) - len(line.lstrip())
        children = [at for path, at in self.at.items() if len(path) == len(key) + 1 and path[: len(key)] == key]
        if not children:
            return " " * own + _INDENT
        first = self.lines[min(children)]
        return first[: len(first) - len(first.lstrip())]

    def _after(self, key: tuple[Any, ...]) -> int:
        """Behind the last line that says something in the map."""
        last = max(at for path, at in self.at.items() if path[: len(key)] == key)
        return last + 1

    def _insert(self, at: int, new: list[str]) -> None:
        self.lines[at:at] = new
        self.at = {path: line + len(new) if line >= at else line for path, line in self.at.items()}
