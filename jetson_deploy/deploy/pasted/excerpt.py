"""Of any number of lines: the end, and of what came before it those lines that a rule knows. In bounded memory."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Sequence

from jetson_deploy.catalog.bounded import all_matches
from jetson_deploy.catalog.symptoms import compiled, first_match, whole_line

TAIL = 4 << 20
_BLOCK = 1 << 19
_EACH = 3
"""Lines that are kept of one rule: two first ones and the last."""


class Excerpt:
    def __init__(self, patterns: Sequence[str], tail: int = TAIL) -> None:
        self.lines = 0
        self._patterns, self._tail = patterns, tail
        self._block: list[str] = []
        self._block_size = 0
        self._blocks: deque[str] = deque()
        self._size = 0
        self._known: dict[str, list[tuple[int, str]]] = {}
        self._passed = 0

    def add(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.lines += 1
            self._block.append(line)
            self._block_size += len(line) + 1
            if self._block_size >= _BLOCK:
                self._close_block()

    def text(self) -> str:
        """The known lines that came before the end, in their order; then the end."""
        self._close_block()
        early = {at: line for kept in self._known.values() for at, line in kept}
        return "\n".join([*(early[at] for at in sorted(early)), *self._blocks])

    def _close_block(self) -> None:
        if not self._block:
            return
        block = "\n".join(self._block)
        self._block, self._block_size = [], 0
        self._blocks.append(block)
        self._size += len(block)
        while self._size - len(self._blocks[0]) >= self._tail:
            self._let_go(self._blocks.popleft())

    def _let_go(self, block: str) -> None:
        self._size -= len(block)
        lowered = block.lower()
        for pattern in self._patterns:
            if first_match(block, lowered, pattern) is not None:
                self._keep(pattern, block)
        self._passed += len(block) + 1

    def _keep(self, pattern: str, block: str) -> None:
        kept = self._known.setdefault(pattern, [])
        last: re.Match[str] | None = None
        for match in all_matches(compiled(pattern), block):
            last = match
            if len(kept) < _EACH - 1:
                kept.append((self._passed + match.start(), whole_line(block, match)))
        if last is not None and len(kept) >= _EACH - 1:
            entry = (self._passed + last.start(), whole_line(block, last))
            kept[_EACH - 1 :] = [entry]
