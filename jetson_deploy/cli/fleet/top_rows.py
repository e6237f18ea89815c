"""What each device's last sample says, as a row: the state behind `fleet top`. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from jetson_deploy.cli.fleet.cells import cell
from jetson_deploy.cli.formatting import aligned
from jetson_deploy.cli.monitor.screen import figures
from jetson_deploy.monitor.derived import decode_rate_of_all, model_side_unseen
from jetson_deploy.monitor.metric_readers import loaded
from jetson_deploy.monitor.sample_line import AlertLine, SampleLine
from jetson_deploy.monitor.thermal import throttling, warmest

HEADS = ("DEVICE", "MODEL", "TOK/S", "GPU", "MEMORY", "TEMP", "THROTTLED", "ALERTS")
_RANKS = ("critical", "lost", "warning", "info", "unknown", "", "waiting")
"""In which order rows are shown where there is not room for all."""
_NAMED = 3
_ALERTS = 60
_FIGURE = 16
_MODEL = 32
_REASON = 100


class TopRow(msgspec.Struct, frozen=True, kw_only=True):
    cells: tuple[str, ...]
    rank: str = "waiting"


class TopRows:
    """`names` in the order of the selection."""

    def __init__(self, names: Iterable[str]) -> None:
        self._rows = {name: TopRow(cells=(cell(name), *["-"] * (len(HEADS) - 2), "waiting")) for name in names}
        self._before: dict[str, SampleLine] = {}

    def sample(self, name: str, sample: SampleLine) -> TopRow:
        row = TopRow(cells=(cell(name), *sample_cells(sample, self._before.get(name))), rank=_rank(sample))
        self._rows[name], self._before[name] = row, sample
        return row

    def lost(self, name: str, why: str) -> TopRow:
        self._before.pop(name, None)
        row = TopRow(cells=(cell(name), *["-"] * (len(HEADS) - 2), cell(why, _REASON)), rank="lost")
        self._rows[name] = row
        return row

    def table(self, room: int) -> list[str]:
        """At most `room` lines: those with the worst first where not all have room, and the sum."""
        rows = list(self._rows.values())
        if len(rows) > room - 2:
            rows = sorted(rows, key=lambda row: _RANKS.index(row.rank))[: max(1, room - 2)]
        return [*aligned([HEADS, *(row.cells for row in rows)]), self.summary(len(rows))]

    def summary(self, shown: int | None = None) -> str:
        """`200 devices, 40 shown: 2 critical, 1 lost`."""
        counted = Counter(row.rank for row in self._rows.values())
        words = ", ".join(f"{counted[rank]} {rank}" for rank in _RANKS if rank and counted[rank])
        part = f", {shown} shown" if shown is not None and shown < len(self._rows) else ""
        return f"{len(self._rows)} devices{part}" + (f": {words}" if words else "")


def sample_cells(sample: SampleLine, before: SampleLine | None) -> tuple[str, ...]:
    """Behind the device's name. A device may say any number: one that is none of a board's is not shown."""
    try:
        return tuple(cell(text, size) for text, size in zip(_texts(sample, before), _SIZES, strict=True))
    except (ArithmeticError, ValueError):
        return (*["-"] * (len(_SIZES) - 1), "its figures are none of a board")


_SIZES = (_MODEL, _FIGURE, _FIGURE, _FIGURE, _FIGURE, _FIGURE, _ALERTS)


def _texts(sample: SampleLine, before: SampleLine | None) -> tuple[str, ...]:
    board = sample.board
    zone, hot = warmest(board), throttling(board)
    gpu = board.gpus[0].load if board.gpus else None
    memory = f"{figures.gib(board.memory.used_bytes)}/{figures.gib(board.memory.total_bytes)} GiB"
    return (
        _model(sample),
        figures.number(decode_rate_of_all(before, sample) if before is not None else None),
        figures.percent(gpu),
        memory if board.memory.total_bytes is not None else "",
        "" if zone is None or zone.celsius is None else f"{zone.celsius:.1f} C",
        {True: "yes", False: "no", None: ""}[hot],
        _alerts(sample),
    )


def _model(sample: SampleLine) -> str:
    models = [one.name for one in loaded(sample)]
    if models:
        return models[0] if len(models) == 1 else f"{models[0]} and {len(models) - 1} more"
    server, deployment = sample.llm.server, sample.llm.deployment
    if server is not None and not server.up:
        return "server DOWN"
    return deployment.model or "" if deployment is not None else ""


def _alerts(sample: SampleLine) -> str:
    if sample.alerts is None:
        return ""
    names = [one.id + (f" ({one.subject[:20]})" if one.subject else "") for one in _loud(sample)]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    unseen = model_side_unseen(sample) is not None
    if not names:
        return "unknown" if unseen else "none"
    return ", ".join([*(["server's unknown"] if unseen else []), *names[:_NAMED]]) + more


def _loud(sample: SampleLine) -> Sequence[AlertLine]:
    return [one for one in sample.alerts or () if not one.silenced]


def _rank(sample: SampleLine) -> str:
    found = {one.severity for one in sample.alerts or () if not one.silenced}
    return next(
        (one for one in ("critical", "warning", "info") if one in found), "unknown" if model_side_unseen(sample) else ""
    )
