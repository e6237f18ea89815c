"""What the conditions of known issues ask of a host beyond its facts: files, and modules of its kernel."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec
from msgspec import UNSET

from jetson_deploy.catalog.entries import Issue
from jetson_deploy.catalog.probe import Condition
from jetson_deploy.detect.host import Host

_FILE_LIMIT = 256 * 1024
_LIST_LIMIT = 4 << 20
_LISTS = ("modules.builtin", "modules.dep")


class LookedAt(msgspec.Struct, frozen=True, kw_only=True):
    """By path and name. Not among them, or None: not known."""

    files: dict[str, str] = {}
    """Text of those that are there; of a directory, a device: empty."""
    absent: frozenset[str] = frozenset()
    """Paths that lead to nothing, on a host whose files are all here."""
    modules: dict[str, bool] = {}


def look_at(host: Host, issues: Iterable[Issue], kernel: str | None) -> LookedAt:
    """Of a captured board only what was recorded is known: a file that is not there may be there on the board."""
    asked = [one for issue in issues if issue.probe for one in issue.probe.all]
    files, absent = {}, set()
    for path in sorted({one.file for one in asked if isinstance(one.file, str)}):
        text = _text(host, path)
        if text is not None:
            files[path] = text
        elif _is_absent(host, path):
            absent.add(path)
    return LookedAt(files=files, absent=frozenset(absent), modules=_modules(host, asked, kernel))


def _text(host: Host, path: str) -> str | None:
    below = path.lstrip("/")
    text = host.read_text(below, limit=_FILE_LIMIT, quiet=True)
    return "" if text is None and host.is_there_unread(below) else text


def _is_absent(host: Host, path: str) -> bool:
    return not host.captured and host.is_absent(path.lstrip("/"))


def _modules(host: Host, asked: Iterable[Condition], kernel: str | None) -> dict[str, bool]:
    wanted = {one.module.replace("-", "_") for one in asked if one.module is not UNSET and isinstance(one.module, str)}
    if not wanted or not kernel or "/" in kernel:
        return {}
    lists = [host.read_text(f"lib/modules/{kernel}/{name}", limit=_LIST_LIMIT, quiet=True) for name in _LISTS]
    loaded = {line.partition(" ")[0] for line in (host.read_text("proc/modules", quiet=True) or "").splitlines()}
    known = {*loaded, *(name for text in lists if text for name in _names(text))}
    complete = all(text is not None for text in lists)
    return {name: name in known for name in sorted(wanted) if complete or name in known}


def _names(text: str) -> Iterator[str]:
    """`kernel/net/ipv4/netfilter/iptable_raw.ko.zst: …`, one a line."""
    for line in text.splitlines():
        name = line.partition(":")[0].rpartition("/")[2]
        yield name.partition(".ko")[0].replace("-", "_")
