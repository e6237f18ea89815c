"""A hint of the tool on a device, for a user at the controller: `jetson-deploy up` typed here changes this machine, and
typed there forgets what the inventory asks for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from jetson_deploy.deployment.options import OPTIONS

THERE = "on the device: "
FLEET_FLAGS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "up": frozenset({"--accept-cpu", "--force", "--model", "--when-idle"}),
        "plan": frozenset({"--model", "-v"}),
        "logs": frozenset({"--follow", "-f", "--tail"}),
        "down": frozenset({"--purge"}),
        "rollback": frozenset(),
        "status": frozenset({"-v"}),
    }
)
"""Commands that a fleet has too, and which of their flags it has."""
_KEYS = {
    flag: row.key for row in OPTIONS.values() for flag in row.option.flag.split("/") if flag not in FLEET_FLAGS["up"]
}
"""Flag of `up` → what the inventory's settings say instead."""
_VALUE = r"(?:[A-Z]+|(?=[^\s;,)`]*[0-9/{])(?!-)[^\s;,)`]*[^\s;,)`.:])"
"""Of a flag, and not the prose behind it."""
_ALONE = re.compile(rf"(?<![\w-])(--?[a-z][a-z0-9-]*)(?: ({_VALUE}))?")
_FLAG = re.compile(f" {_ALONE.pattern}")
_COMMAND = re.compile(r"(?:sudo )?\bjetson-deploy (?!fleet\b)[a-z]")
_SHARED = re.compile(rf"(`?)(?:sudo )?\bjetson-deploy ({'|'.join(FLEET_FLAGS)})\b")
_BEHIND = re.compile(rf"(?! {_VALUE})(?:$|[.,;:)]| [a-z(])")
_FIRST = re.compile(r"(?:run |see )?`?jetson-deploy fleet ")
_CLAUSE = re.compile(r"[^;,()]+")
_MOST = 2000
"""Characters of a hint: a device may send more than anybody reads."""


class _Typed(NamedTuple):
    """A command in a hint that the fleet has too."""

    start: int
    end: int
    quote: str
    verb: str
    flags: list[tuple[str, str | None]]


def names_the_tool(hint: str) -> bool:
    return _COMMAND.search(hint) is not None


def for_controller(hint: str) -> str:
    """The fleet's own commands where they are all that it names, else said to be for the device: there `up` is the
    fleet's still."""
    if not hint or hint.startswith(THERE):
        return hint
    hint = hint[:_MOST]
    said = _replaced(hint, _as_it_stands)
    if _FIRST.match(said) and not names_the_tool(said):
        return in_settings(said)
    return THERE + in_settings(_replaced(hint, _up_here))


def in_settings(hint: str) -> str:
    """Flags that stand alone are keys of the inventory's settings; those of a command there stay."""
    said = _CLAUSE.sub(lambda clause: clause[0] if "jetson-deploy " in clause[0] else _keys(clause[0]), hint)
    return said if said == hint else f"{said} (in its settings)"


def _keys(text: str) -> str:
    return _ALONE.sub(lambda flag: _setting(flag[1], flag[2]) if flag[1] in _KEYS else flag[0], text)


def _setting(flag: str, value: str | None) -> str:
    if flag == "--refuse-cpu":
        return "`gates: {accept_cpu: false}`"
    return f"`{_KEYS[flag]}: {value}`" if value else f"`{_KEYS[flag]}`"


def _replaced(hint: str, put: Callable[[_Typed, str, str], str | None]) -> str:
    """`put` is given the fleet's command and what is behind it; None: it stays."""
    pieces, done = [], 0
    for typed in _typed(hint):
        fleets = _fleets(typed)
        text = put(typed, *fleets) if fleets is not None else None
        if text is not None:
            pieces += [hint[done : typed.start], text]
            done = typed.end
    return "".join([*pieces, hint[done:]])


def _typed(hint: str) -> Iterator[_Typed]:
    for found in _SHARED.finditer(hint):
        flags, end = [], found.end()
        while (flag := _FLAG.match(hint, end)) is not None:
            flags.append((flag[1], flag[2]))
            end = flag.end()
        if hint.startswith(found[1], end) and _BEHIND.match(hint, end + len(found[1])):
            yield _Typed(found.start(), end + len(found[1]), found[1], found[2], flags)


def _as_it_stands(typed: _Typed, command: str, settings: str) -> str:
    return f"{typed.quote}{command}{typed.quote}{settings}"


def _up_here(typed: _Typed, command: str, settings: str) -> str | None:
    return f"`{command}` here{settings}" if typed.verb == "up" else None


def _fleets(typed: _Typed) -> tuple[str, str] | None:
    """The fleet's command, and what its device's settings must say besides. None: it has no such command."""
    if (typed.verb, typed.flags) == ("status", [("--drift", None)]):
        return "jetson-deploy fleet drift HOST", ""
    known, keys = FLEET_FLAGS[typed.verb], _KEYS if typed.verb in ("up", "plan") else {}
    if not all(flag in known or flag in keys for flag, _ in typed.flags):
        return None
    kept = "".join(f" {flag} {value}" if value else f" {flag}" for flag, value in typed.flags if flag in known)
    settings = " and ".join(_setting(flag, value) for flag, value in typed.flags if flag in keys)
    return f"jetson-deploy fleet {typed.verb} HOST{kept}", f" with {settings} in its settings" if settings else ""
