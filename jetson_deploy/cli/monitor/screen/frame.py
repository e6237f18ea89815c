"""The data of one picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from jetson_deploy.cli.monitor.screen.glyphs import BLOCKS, Glyphs
from jetson_deploy.monitor.alerts.firing import Firing
from jetson_deploy.monitor.derived import decode_rate, joules_per_token, rate
from jetson_deploy.monitor.model_parts import Llm
from jetson_deploy.monitor.sample import Board, Sample

Sort = Literal["memory", "cpu", "gpu"]
SORTS: tuple[Sort, ...] = ("memory", "cpu", "gpu")
_LATELY = 60
_FEWEST = 3


@dataclass(frozen=True)
class Frame:
    recent: tuple[Sample, ...]
    """Oldest first, the shown one last; never empty."""
    firing: tuple[Firing, ...] = ()
    width: int = 80
    """Of a column, in cells."""
    glyphs: Glyphs = BLOCKS
    period: float = 1.0
    sort: Sort = "memory"
    paused: bool = False
    tall: bool = True
    """There is room for a table of processes."""
    graph_rows: int = 3
    keys: bool = False
    """There is a keyboard to read."""

    @property
    def wide(self) -> bool:
        return self.width >= 90

    @property
    def bar(self) -> int:
        """Cells of a bar."""
        return 20 if self.wide else 16

    @property
    def sample(self) -> Sample:
        return self.recent[-1]

    @property
    def board(self) -> Board:
        return self.sample.board

    @property
    def llm(self) -> Llm:
        return self.sample.llm

    @property
    def before(self) -> Sample | None:
        """The sample before: what a rate of counters is taken from. None at first, and after a gap."""
        if len(self.recent) < 2:
            return None
        one, two = self.recent[-2], self.recent[-1]
        same = one.board.boot_id == two.board.boot_id
        return one if same and two.monotonic > one.monotonic else None

    def rate(self, read: Callable[[Sample], float | None]) -> float | None:
        """Of a counter, per second since the sample before; None: unknown, or it began anew."""
        return rate(self.before, self.sample, read) if self.before else None

    def series(self, read: Callable[[Sample], float | None], width: int) -> list[float | None]:
        """The last `width` values; none while there are too few to make a line."""
        if len(self.recent) < _FEWEST:
            return []
        return [read(one) for one in self.recent[-max(1, width) :]]

    def speed(self, model: str) -> float | None:
        """Tokens a second that the model decodes now; None: it does not, or it cannot be seen."""
        before = self.before
        return decode_rate(before, self.sample, model) if before else None

    def speeds(self, model: str, width: int) -> list[float | None]:
        """As `speed`, of the last samples."""
        if len(self.recent) < _FEWEST:
            return []
        shown = self.recent[-(max(1, width) + 1) :]
        return [decode_rate(one, two, model) for one, two in pairwise(shown)]

    @property
    def joules_per_token(self) -> float | None:
        """Of the whole board, over the last 60 samples."""
        return joules_per_token(self.recent[-min(_LATELY, len(self.recent))], self.sample)
