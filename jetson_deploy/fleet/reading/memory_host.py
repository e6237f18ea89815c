"""The files of an answer, in memory: what `detect/` reads of a host, without a file on this machine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from jetson_deploy.detect.host import READ_LIMIT, Host

_LINKS = 40
_LENGTH = 4096
"""Of a path, as in Linux. What is longer names nothing, and costs no time."""


class MemoryHost(Host):
    """`files`, `links` and `directories` are below the root, without a leading slash."""

    def __init__(self, files: Mapping[str, str], links: Mapping[str, str], directories: Iterable[str]) -> None:
        super().__init__(Path("/nonexistent"))
        self._files, self._links = files, links
        self._below: dict[str, set[str]] = {"": set()}
        for name in directories:
            self._add(name)
            self._below.setdefault(name, set())
        for name in (*files, *links):
            self._add(name)

    def _add(self, name: str) -> None:
        while name:
            parent, _, last = name.rpartition("/")
            known = self._below.setdefault(parent, set())
            if last in known:
                return
            known.add(last)
            name = parent

    def read_bytes(self, path: str, *, limit: int = READ_LIMIT, quiet: bool = False) -> bytes | None:
        text = self._files.get(self._place(path) or "")
        if text is None:
            return None
        data = text.encode(errors="replace")
        if len(data) > limit:
            self.notes.append(f"/{path} is larger than {limit // 1024} KiB: only its start was read")
        return data[:limit]

    def names(self, path: str) -> list[str]:
        place = self._place(path)
        return sorted(self._below.get(place, ())) if place is not None else []

    def exists(self, path: str) -> bool:
        place = self._place(path)
        return place is not None and (place in self._below or place in self._files)

    def is_directory(self, path: str) -> bool:
        place = self._place(path)
        return place is not None and place in self._below

    def link(self, path: str) -> str | None:
        parent, _, name = path.rpartition("/")
        place = self._place(parent)
        return None if place is None else self._links.get(f"{place}/{name}" if place else name)

    def real(self, path: str) -> str | None:
        place = self._place(path)
        return "." if place == "" else place

    def _place(self, path: str) -> str | None:
        """With every link followed, below this root; None: they lead in a circle, or the path is too long."""
        if len(path) > _LENGTH:
            return None
        pending = [part for part in reversed(path.split("/")) if part]
        done: list[str] = []
        followed = 0
        while pending:
            part = pending.pop()
            if part == "..":
                del done[-1:]
            elif part != ".":
                target = self._links.get("/".join((*done, part)))
                if target is None:
                    done.append(part)
                    continue
                followed += 1
                if followed > _LINKS or len(target) > _LENGTH:
                    return None
                if target.startswith("/"):
                    done = []
                pending += [step for step in reversed(target.split("/")) if step]
        return "/".join(done)
