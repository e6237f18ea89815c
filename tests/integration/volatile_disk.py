"""A disk in memory that knows what of it would outlive a power cut.

Every file has the pages a program sees and the pages that an fsync made durable; every directory has the names a
program sees and those that an fsync of the directory made durable. `lose_power` throws the rest away or, as real
disks do, keeps some of it: pages in any order, torn at sectors; sizes without their pages; renames without the
content they were to publish. Which, a seed decides.
"""

from __future__ import annotations

import itertools
import random
import stat
import time
from dataclasses import dataclass, field

PAGE = 4096
SECTOR = 512
_ZEROS = bytes(PAGE)
ROOT = 1
KEEPS_NOTHING = 0
"""The seed of a disk that loses all that was not made durable."""


@dataclass
class Node:
    """A file, a directory or a symlink. Attributes are durable at once: only content and names are not."""

    number: int
    mode: int
    uid: int = 0
    gid: int = 0
    mtime_ns: int = 0
    size: int = 0
    durable_size: int = 0
    pages: dict[int, bytes] = field(default_factory=dict)
    durable_pages: dict[int, bytes] = field(default_factory=dict)
    dirty: set[int] = field(default_factory=set)
    names: dict[str, int] = field(default_factory=dict)
    durable_names: dict[str, int] = field(default_factory=dict)
    target: str = ""

    @property
    def is_directory(self) -> bool:
        return stat.S_ISDIR(self.mode)

    def touch(self) -> None:
        self.mtime_ns = time.time_ns()

    def read(self, offset: int, length: int) -> bytes:
        end = min(offset + length, self.size)
        if end <= offset:
            return b""
        first = offset // PAGE
        whole = b"".join(self.pages.get(page, _ZEROS) for page in range(first, -(-end // PAGE)))
        return whole[offset - first * PAGE : end - first * PAGE]

    def write(self, offset: int, data: bytes) -> None:
        first, last = offset // PAGE, -(-(offset + len(data)) // PAGE)
        before, after = offset - first * PAGE, last * PAGE - offset - len(data)
        head = self.pages.get(first, _ZEROS)[:before]
        tail = self.pages.get(last - 1, _ZEROS)[PAGE - after :] if after else b""
        padded = head + data + tail
        for page in range(first, last):
            start = (page - first) * PAGE
            self.pages[page] = padded[start : start + PAGE]
            self.dirty.add(page)
        self.size = max(self.size, offset + len(data))
        self.touch()

    def truncate(self, size: int) -> None:
        kept = -(-size // PAGE)
        for page in [page for page in self.pages if page >= kept]:
            del self.pages[page]
            self.dirty.add(page)
        if size % PAGE and kept - 1 in self.pages:
            self.pages[kept - 1] = self.pages[kept - 1][: size % PAGE].ljust(PAGE, b"\0")
            self.dirty.add(kept - 1)
        self.size = size

    def sync(self) -> None:
        for page in self.dirty:
            _put(self.durable_pages, page, self.pages.get(page))
        self.dirty.clear()
        self.durable_size = self.size

    def forget_dirty(self) -> None:
        """What Linux does when an fsync fails: the pages count as written, and never are."""
        self.dirty.clear()

    def keep_some(self, chance: random.Random) -> None:
        """Of what is not durable."""
        survivors = chance.choice((0.0, 0.5, 0.5, 1.0))
        if chance.random() < 0.5:
            self.durable_size = self.size
        for page in sorted(self.dirty):
            if chance.random() < survivors:
                self._keep(page, chance)

    def lose_power(self) -> None:
        self.pages, self.size = self.durable_pages, self.durable_size
        self.truncate(self.size)
        self.durable_pages, self.names = dict(self.pages), dict(self.durable_names)
        self.dirty.clear()

    def _keep(self, page: int, chance: random.Random) -> None:
        new, old = self.pages.get(page, _ZEROS), self.durable_pages.get(page, _ZEROS)
        cut = SECTOR * chance.randint(0, PAGE // SECTOR) if chance.random() < 0.2 else PAGE
        self.durable_pages[page] = new[:cut] + old[cut:]


def _put(where: dict[int, bytes], page: int, content: bytes | None) -> None:
    if content is None:
        where.pop(page, None)
    else:
        where[page] = content


@dataclass(frozen=True)
class Renaming:
    """One change of names, which a disk does whole or not at all: (directory, name, node or None)."""

    changes: tuple[tuple[int, str, int | None], ...]

    def touches(self, directory: int, names: set[tuple[int, str]]) -> bool:
        return any(where == directory or (where, name) in names for where, name, _ in self.changes)


class Disk:
    """All nodes, and the changes of names that are not durable yet, in their order."""

    def __init__(self, *, fsync_keeps_names: bool = False) -> None:
        self.nodes = {ROOT: Node(ROOT, stat.S_IFDIR | 0o755)}
        self._numbers = itertools.count(ROOT + 1)
        self._pending: list[Renaming] = []
        self._fsync_keeps_names = fsync_keeps_names
        """As ext4 does with a new file's name, which nothing promises."""

    def make(self, directory: int, name: str, mode: int, owner: tuple[int, int]) -> Node:
        node = Node(next(self._numbers), mode, *owner)
        node.touch()
        self.nodes[node.number] = node
        self.rename(((directory, name, node.number),))
        return node

    def rename(self, changes: tuple[tuple[int, str, int | None], ...]) -> None:
        for directory, name, number in changes:
            names = self.nodes[directory].names
            if number is None:
                names.pop(name, None)
            else:
                names[name] = number
            self.nodes[directory].touch()
        self._pending.append(Renaming(changes))

    def sync(self, number: int) -> None:
        """fsync of a file, or of a directory: its names, and what happened to them before."""
        node = self.nodes[number]
        node.sync()
        if node.is_directory:
            self._commit(number)
        elif self._fsync_keeps_names:
            for parent in {where for change in self._pending for where, _, what in change.changes if what == number}:
                self._commit(parent)

    def _commit(self, directory: int) -> None:
        names: set[tuple[int, str]] = set()
        committed: list[Renaming] = []
        for change in reversed(self._pending):
            if change.touches(directory, names):
                names.update((where, name) for where, name, _ in change.changes)
                committed.append(change)
        for change in reversed(committed):
            self._make_durable(change)
            self._pending.remove(change)

    def _make_durable(self, change: Renaming) -> None:
        for directory, name, number in change.changes:
            names = self.nodes[directory].durable_names
            if number is None:
                names.pop(name, None)
            else:
                names[name] = number

    def lose_power(self, seed: int) -> None:
        """The tree becomes what is left of it."""
        if seed != KEEPS_NOTHING:
            self._keep_some(random.Random(seed))
        self._pending.clear()
        for node in self.nodes.values():
            node.lose_power()
        reachable = self._reachable()
        self.nodes = {number: node for number, node in self.nodes.items() if number in reachable}

    def _keep_some(self, chance: random.Random) -> None:
        for change in self._survivors(chance):
            self._make_durable(change)
        for number in sorted(self.nodes):
            self.nodes[number].keep_some(chance)

    def _survivors(self, chance: random.Random) -> list[Renaming]:
        """A journal keeps a beginning, others anything, some nothing or all."""
        way = chance.choice(("none", "all", "beginning", "any"))
        if way == "any":
            return [change for change in self._pending if chance.random() < 0.5]
        most = len(self._pending)
        return self._pending[: {"none": 0, "all": most, "beginning": chance.randint(0, most)}[way]]

    def _reachable(self) -> set[int]:
        found, waiting = {ROOT}, [ROOT]
        while waiting:
            children = set(self.nodes[waiting.pop()].names.values()) - found
            found |= children
            waiting += children
        return found
