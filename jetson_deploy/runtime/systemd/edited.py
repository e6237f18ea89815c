"""What was changed in a unit since it was written: by an editor, or by drop-ins. Pure but for reading them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

_MOST_BYTES = 256 << 10
_POLICY = "Service Restart"
"""Known by the link that starts the unit at boot."""


def changed_lines(written: str, unit: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Lines that differ (`Service MemoryMax`), as they were written and as they are, without what both have."""
    before, now = _settings((written,)), _settings(_texts(unit))
    keys = [key for key in sorted({*before, *now}) if before.get(key) != now.get(key) and key != _POLICY]
    return _without(keys, before, now), _without(keys, now, before)


def _without(keys: list[str], some: dict[str, list[str]], others: dict[str, list[str]]) -> dict[str, str]:
    return {
        key: "; ".join([value for value in some[key] if value not in others.get(key, ())] or some[key])
        for key in keys
        if key in some
    }


def _texts(unit: Path) -> Iterator[str]:
    drop_ins = unit.with_name(f"{unit.name}.d")
    for path in (unit, *(sorted(drop_ins.glob("*.conf")) if drop_ins.is_dir() else ())):
        with contextlib.suppress(OSError), path.open(encoding="utf-8", errors="replace") as file:
            yield file.read(_MOST_BYTES)


def _settings(texts: Iterable[str]) -> dict[str, list[str]]:
    """Repeated ones, as in systemd's own reading, follow each other; an empty one begins anew."""
    found: dict[str, list[str]] = {}
    for text in texts:
        section = ""
        for line in text.replace("\\\n", " ").splitlines():
            if line.startswith("["):
                section = line.strip("[] ")
            elif "=" in line and not line.lstrip().startswith(("#", ";")):
                key, _, value = line.partition("=")
                name = f"{section} {key.strip()}"
                found[name] = [*found.get(name, []), value.strip()] if value.strip() else [""]
    return found
