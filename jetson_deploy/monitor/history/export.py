"""Rows of the history as lines for other programs: CSV and JSON lines."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from jetson_deploy.monitor.history.reader import Row, StatRow
from jetson_deploy.monitor.history.rollup import Stat
from jetson_deploy.monitor.history.selection import rfc3339, rounded


def raw_csv(keys: Sequence[str], rows: Iterable[Row]) -> Iterator[str]:
    """Lines without their ends; what is unknown is empty."""
    return _csv(["time", *keys], ([rfc3339(row.at), *map(_cell, row.values)] for row in rows))


def stats_csv(keys: Sequence[str], rows: Iterable[StatRow]) -> Iterator[str]:
    head = ["time", *(f"{key}.{part}" for key in keys for part in ("min", "mean", "max"))]
    cells = ([rfc3339(row.at), *(cell for stat in row.stats for cell in _stat_cells(stat))] for row in rows)
    return _csv(head, cells)


def raw_document(keys: Sequence[str], row: Row) -> dict[str, Any]:
    values = {key: rounded(value) for key, value in zip(keys, row.values, strict=True) if value is not None}
    return {"time": rfc3339(row.at), "values": values}


def stats_document(keys: Sequence[str], row: StatRow, step: int) -> dict[str, Any]:
    values = {key: stat_document(stat) for key, stat in zip(keys, row.stats, strict=True) if stat is not None}
    return {"time": rfc3339(row.at), "seconds": step, "values": values}


def stat_document(stat: Stat) -> dict[str, float | int]:
    return {"min": rounded(stat.low), "mean": rounded(stat.mean), "max": rounded(stat.high), "count": stat.count}


def json_line(document: Any) -> str:
    return msgspec.json.encode(document).decode()


def _csv(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    yield _csv_line(head)
    for row in rows:
        yield _csv_line(row)


def _csv_line(cells: Sequence[Any]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(cells)
    return text.getvalue()


def _cell(value: float | None) -> float | str:
    return "" if value is None else rounded(value)


def _stat_cells(stat: Stat | None) -> Sequence[float | str]:
    return ("", "", "") if stat is None else (rounded(stat.low), rounded(stat.mean), rounded(stat.high))
