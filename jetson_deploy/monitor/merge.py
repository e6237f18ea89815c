"""Boards of several sources → one: the first source that knows a field gives it, and is named for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from jetson_deploy.monitor.part import Part
from jetson_deploy.monitor.sample import Board

_KEYS: dict[str, Callable[[Any], object]] = {
    "cpus": lambda one: one.number,
    "processes": lambda one: one.pid,
    "traffic": lambda one: (one.kind, one.name),
}
"""Lists whose parts are the same in every source's words, so that a lower source's additional ones belong there too."""
_NAMES = ("name", "device", "kind", "line", "domain", "mount")
"""What parts of the other lists are called by, each by the first it has. Names differ in spelling (`tj` and
`tj-thermal`): what only a lower source names is not added, or it would be there twice."""


def merged(parts: Sequence[tuple[str, Board]]) -> tuple[Board, dict[str, str]]:
    """`parts`: source and what it knows, highest trust first. The dict names the source of each field that is known:
    `zones`, `emc.load`; `gpus.load` is where a part of a list came from another source than the list."""
    known: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for source, board in parts:
        for field, empty in _EMPTY.items():
            value = getattr(board, field)
            if isinstance(empty, Part):
                known[field] = _filled(known.get(field, empty), value, field, source, sources)
            elif value is None or value == empty:
                continue
            elif field not in known:
                known[field], sources[field] = value, source
            elif isinstance(value, tuple):
                known[field] = _joined(known[field], value, field, source, sources)
    return Board(**known), sources


_EMPTY = msgspec.structs.asdict(Board())
"""Field → what it is when a source says nothing of it."""


def _filled(ours: Any, theirs: Any, path: str, source: str, sources: dict[str, str]) -> Any:
    """A part with what it lacks taken from the other one."""
    found = {}
    for field in type(ours).__struct_fields__:
        if getattr(ours, field) in (None, ()) and getattr(theirs, field) not in (None, ()):
            found[field] = getattr(theirs, field)
            sources[f"{path}.{field}"] = source
    return msgspec.structs.replace(ours, **found) if found else ours


def _joined(
    ours: tuple[Any, ...], theirs: tuple[Any, ...], path: str, source: str, sources: dict[str, str]
) -> tuple[Any, ...]:
    """A list whose parts are filled from those of the same name in the other one."""
    key = _KEYS.get(path, _named)
    others = {key(one): one for one in theirs}
    if path == "gpus" and len(ours) == len(theirs) == 1:
        others = {key(ours[0]): theirs[0]}  # sysfs, NVML, jtop and tegrastats each call it something else
    joined = [_filled(one, others[key(one)], path, source, sources) if key(one) in others else one for one in ours]
    if path in _KEYS:
        present = {key(one) for one in ours}
        joined += [one for one in theirs if key(one) not in present]
    return tuple(joined)


def _named(part: Any) -> object:
    return next((getattr(part, name) for name in _NAMES if hasattr(part, name)), part)
