"""Sources → one `Sample`, in the order of their trust; energy added up; a source's failure reported once."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Protocol

from jetson_deploy.monitor.merge import merged
from jetson_deploy.monitor.model_parts import Llm
from jetson_deploy.monitor.sample import Board, Identity, Sample, SourceFailure
from jetson_deploy.monitor.sources.source import Source, SourceError

_LONGEST_STEP = 30.0
"""Seconds between two samples over which power is taken for constant: longer, the machine slept."""


class ModelSide(Protocol):
    """`llm.watch.LlmWatch`, or nothing to see."""

    def read(self) -> tuple[Llm, tuple[SourceFailure, ...]]: ...

    def close(self) -> None: ...


class Clocks(Protocol):
    """time.time and time.monotonic, or a test's."""

    def wall(self) -> float: ...

    def monotonic(self) -> float: ...


class SystemClocks:
    def wall(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()


class Sampler:
    """`sources` highest trust first; `absent`: those that cannot be used here at all."""

    def __init__(
        self,
        sources: Sequence[Source],
        model: ModelSide | None,
        identity: Identity,
        *,
        absent: Sequence[SourceFailure] = (),
        simulated: str | None = None,
        clocks: Clocks | None = None,
    ) -> None:
        self._sources, self._model, self._identity = tuple(sources), model, identity
        self._absent, self._simulated = tuple(absent), simulated
        self._clocks = clocks or SystemClocks()
        self._energy: float | None = None
        self._before: tuple[float, float | None] | None = None

    def poll(self) -> None:
        for source in self._sources:
            source.poll()

    def sample(self) -> Sample:
        at, monotonic = self._clocks.wall(), self._clocks.monotonic()
        board, names, failures = self._board()
        llm, more = self._model.read() if self._model else (Llm(), ())
        self._add_energy(monotonic, board.power.watts if board.power else None)
        return Sample(
            at=at,
            monotonic=monotonic,
            identity=self._identity,
            board=board,
            llm=llm,
            energy_joules=self._energy,
            sources=names,
            failures=(*self._absent, *failures, *more),
            simulated=self._simulated,
        )

    def close(self) -> None:
        for source in self._sources:
            source.close()
        if self._model:
            self._model.close()

    def _board(self) -> tuple[Board, dict[str, str], list[SourceFailure]]:
        parts: list[tuple[str, Board]] = []
        failures = []
        for source in self._sources:
            try:
                parts.append((source.name, source.read()))
            except SourceError as error:
                failures.append(SourceFailure(source=source.name, why=str(error)))
        board, names = merged(parts)
        return board, names, failures

    def _add_energy(self, at: float, watts: float | None) -> None:
        """The mean of two readings over the time between them; a gap adds nothing."""
        before, self._before = self._before, (at, watts)
        if watts is not None and self._energy is None:
            self._energy = 0.0
        if before is None or before[1] is None or watts is None or self._energy is None:
            return
        seconds = at - before[0]
        if 0 < seconds <= _LONGEST_STEP:
            self._energy += (before[1] + watts) / 2 * seconds
