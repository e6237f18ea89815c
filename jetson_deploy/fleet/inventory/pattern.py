"""Ansible's host patterns: `orin:lab` or, `orin:&lab` and, `orin:!board7` not, `board*`, `~board[0-9]+`, `orin[0:2]`.

As Ansible reads them (its own answers are the test), but for one thing: a part that matches nothing is refused, for a
board that was to be left out must not be taken because its name was mistyped.
"""

from __future__ import annotations

import fnmatch
import ipaddress
import re
from collections.abc import Iterable

from jetson_deploy.catalog.wording import nearest
from jetson_deploy.errors import UsageError
from jetson_deploy.fleet.device import Device, Inventory
from jetson_deploy.names import shown

_SUBSCRIPT = re.compile(r"(.+)\[(?:(-?[0-9]{1,9})|([0-9]{1,9})([:-])([0-9]{0,9}))\]")
_PIECES = re.compile(r"(?:[^\s:\[\]]|\[[^\]]*\])+")
_LABEL = r"(?:[\w]|\[[^\]]*:[^\]]*\])(?:[\w-]|\[[^\]]*:[^\]]*\])*"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*(?::[0-9]+)?")
_GLOB = (".", "?", "*", "[")
Matched = tuple[str, ...]


def select(inventory: Inventory, patterns: Iterable[str]) -> tuple[Device, ...]:
    """In the order of the patterns, each device once. Raises UsageError for a part that names nothing."""
    parts = [part for pattern in patterns for part in split_pattern(pattern)]
    taken: list[str] = []
    for part in _ordered(parts):
        found = _matched(inventory, part)
        of_part = set(found)
        if part[0] == "!":
            taken = [name for name in taken if name not in of_part]
        elif part[0] == "&":
            taken = [name for name in taken if name in of_part]
        else:
            taken = list(dict.fromkeys((*taken, *found)))
    if not taken:
        hint = "jetson-deploy fleet inventory shows which device is in which group"
        raise UsageError("no device is left by the pattern", hint=hint, code="no-device-matches")
    by_name = {device.name: device for device in inventory.devices}
    return tuple(by_name[name] for name in taken)


def chosen(inventory: Inventory, patterns: tuple[str, ...], limits: tuple[str, ...]) -> tuple[Device, ...]:
    """What the patterns take together, as far as every limit takes it too. Raises UsageError where none is left."""
    devices = select(inventory, patterns)
    for limit in limits:
        names = {device.name for device in select(inventory, (limit,))}
        devices = tuple(device for device in devices if device.name in names)
    if not devices:
        asked = " and ".join([" ".join(patterns), *(f"--limit {limit}" for limit in limits)])
        hint = "jetson-deploy fleet inventory shows which device is in which group"
        raise UsageError(f"no device matches {shown(asked)}", hint=hint, code="no-device-matches")
    return devices


def split_pattern(pattern: str) -> list[str]:
    """At commas; where there is none, at colons, but for those of a range, a port or an IPv6 address.

    Raises UsageError, also for an empty pattern: the variable of a script that is not set must not be every device.
    """
    if "," in pattern:
        parts = pattern.split(",")
    elif _is_one_host(pattern):
        parts = [pattern]
    else:
        if _PIECES.sub("", pattern).strip(": \t"):  # Ansible drops such a sign, and `~[` is every device then
            raise _bad(pattern, "has a bracket that is not closed, or not opened")
        parts = _PIECES.findall(pattern)
    named = [part.strip() for part in parts if part.strip()]
    if not named:
        raise _bad(pattern, "names nothing; `all` is every device")
    return named


def _is_one_host(text: str) -> bool:
    if _HOST.fullmatch(text):
        return True
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def _ordered(parts: list[str]) -> list[str]:
    """First what is taken, then what is kept of it, then what is left out."""
    plain = [part for part in parts if part[0] not in "&!"]
    kept = [part for part in parts if part[0] == "&"]
    return [*(plain or ["all"]), *kept, *(part for part in parts if part[0] == "!")]


def _matched(inventory: Inventory, part: str) -> Matched:
    names = inventory.groups["all"]
    if part in names:
        return (part,)
    pattern = part[1:] if part[0] in "&!" else part
    if not pattern:
        raise _bad(part, "names nothing")
    found = None if pattern[0] == "~" else _SUBSCRIPT.fullmatch(pattern)
    if found is None:
        return _enumerated(inventory, pattern)
    return _subscript(part, _enumerated(inventory, found[1]), found)


def _enumerated(inventory: Inventory, pattern: str) -> Matched:
    matches = _matcher(pattern)
    groups = [group for group in inventory.groups if matches.match(group)]
    found = [name for group in groups for name in inventory.groups[group]]
    if not groups or pattern[0] == "~" or any(sign in pattern for sign in _GLOB):
        found += [name for name in inventory.groups["all"] if matches.match(name)]
    if not found and not groups:
        raise _names_nothing(inventory, pattern)
    return tuple(dict.fromkeys(found))


def _matcher(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern[1:] if pattern[0] == "~" else fnmatch.translate(pattern))
    except (re.error, RecursionError, OverflowError):
        raise _bad(pattern, "is no regular expression") from None


def _subscript(part: str, names: Matched, found: re.Match[str]) -> Matched:
    """`[2]`, `[-1]`, `[0:2]` with both ends, `[1:]`."""
    _, one, first, _, last = found.groups()
    if not names:
        return ()
    if one is None and (last == "" or int(last)):
        return names[int(first) : int(last) + 1 if last else None]
    try:
        return (names[int(one if one is not None else first)],)
    except IndexError:
        raise _bad(part, f"asks for more than there is: {len(names)} devices, counted from 0") from None


def _bad(part: str, problem: str) -> UsageError:
    hint = "patterns: NAME, GROUP, a*, ~REGEX, GROUP[0:2]; A:B or, A:&B and, A:!B not"
    return UsageError(f"the pattern {shown(part)} {problem}", hint=hint, code="bad-pattern")


def _names_nothing(inventory: Inventory, pattern: str) -> UsageError:
    near = nearest(pattern, [*inventory.groups["all"], *inventory.groups])
    more = "jetson-deploy fleet inventory shows all names"
    return UsageError(
        f"{shown(pattern)} matches no device and no group of {inventory.source}",
        hint=f"did you mean {near}? {more}" if near else more,
        code="no-device-matches",
    )
