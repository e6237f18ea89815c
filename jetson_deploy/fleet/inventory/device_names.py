"""Names of devices and groups. They go into the command line of ssh, into rows and file names: few characters may."""

from __future__ import annotations

import itertools
import re
import string
from collections.abc import Iterator

from jetson_deploy.errors import UsageError
from jetson_deploy.names import shown

MOST = 10_000
"""Devices that one range, or one inventory, may name."""
_DEVICE = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.:-]{0,251}[A-Za-z0-9_:])?")
_GROUP = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}\$?")
_RANGE = re.compile(r"\[([0-9]+|[a-zA-Z]):([0-9]+|[a-zA-Z])(?::([0-9]+))?\]")


def check_device_name(text: str) -> str:
    """Raises UsageError for what cannot be a host's name or address."""
    hint = "letters, digits, and . - _ : inside; the first is no dash (a range: board[01:20])"
    return _checked(text, _DEVICE, "the name of a device", hint, "bad-device-name")


def check_group_name(text: str) -> str:
    hint = "letters, digits, and . - _ inside, 100 at most; the first is no dash"
    return _checked(text, _GROUP, "the name of a group", hint, "bad-group-name")


def check_user_name(text: str) -> str:
    hint = "letters, digits, and . - _ inside, 32 at most; the first is no dash"
    return _checked(text, _USER, "a login", hint, "bad-login")


def _checked(text: str, pattern: re.Pattern[str], what: str, hint: str, code: str) -> str:
    if not pattern.fullmatch(text):
        raise UsageError(f"{shown(text)} cannot be {what}", hint=hint, code=code)
    return text


def expanded(text: str) -> tuple[str, ...]:
    """`board[01:03]` → board01, board02, board03, as in Ansible; several ranges, letters, a step: `[1:9:2]`.

    Raises UsageError for a range that cannot be read, and for names that cannot be.
    """
    parts: list[tuple[str, ...]] = []
    end, many = 0, 1
    for found in _RANGE.finditer(text):
        counted = _counted(text, *found.groups())
        many *= len(counted)
        if many > MOST:
            raise _bad_range(text, f"names more than {MOST} devices")
        parts += [(text[end : found.start()],), counted]
        end = found.end()
    parts.append((text[end:],))
    return tuple(check_device_name("".join(chosen)) for chosen in itertools.product(*parts))


def _counted(text: str, first: str, last: str, step: str | None) -> tuple[str, ...]:
    by = int(step[:9]) if step else 1
    if first.isdigit() != last.isdigit() or by < 1:
        raise _bad_range(text, "has a range that cannot be counted")
    if first.isdigit() and len(first) > 1 and first[0] == "0" and len(first) != len(last):
        raise _bad_range(text, "has a range whose ends are not written equally long")
    if max(len(first), len(last)) > 9:
        raise _bad_range(text, "has a range of very long numbers")
    found = tuple(itertools.islice(_numbers(first, last, by), MOST + 1))
    if not found:
        raise _bad_range(text, "has a range that ends before it begins")
    return found


def _numbers(first: str, last: str, step: int) -> Iterator[str]:
    if not first.isdigit():
        letters = string.ascii_letters
        return iter(letters[letters.index(first) : letters.index(last) + 1 : step])
    width = len(first) if first[0] == "0" else 0
    return (str(number).zfill(width) for number in range(int(first), int(last) + 1, step))


def _bad_range(text: str, problem: str) -> UsageError:
    return UsageError(f"{shown(text)} {problem}", hint="a range is [01:20], [a:f] or [1:9:2]", code="bad-range")
