"""The history as others read it: also while it is recorded, and as a user who may only read.

Nothing is held between two portions, so that a reader that pauses does not keep the recorder's log from being emptied.
"""

from __future__ import annotations

import contextlib
import sqlite3
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from jetson_deploy.monitor.history.batch import HistoryEvent
from jetson_deploy.monitor.history.clock import MINUTE
from jetson_deploy.monitor.history.coding import unpack_minute, unpack_rows
from jetson_deploy.monitor.history.files import reading_error
from jetson_deploy.monitor.history.rollup import Minute, Rollup, Stat
from jetson_deploy.monitor.history.schema import layout_keys

_PORTION = 100


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds since 1970; both ends belong to it. None: open."""

    since: int | None = None
    until: int | None = None

    def holds(self, at: int) -> bool:
        return (self.since is None or at >= self.since) and (self.until is None or at <= self.until)

    def condition(self, first: str, last: str) -> str:
        """In SQL: what lies between the columns `first` and `last` may be in it."""
        parts = [] if self.since is None else [f"{last} >= {self.since}"]
        return " AND ".join(parts if self.until is None else [*parts, f"{first} <= {self.until}"]) or "1"


EVERYTHING = Window()


class SeriesSpan(msgspec.Struct, frozen=True, kw_only=True):
    key: str
    first: int
    """Milliseconds since 1970."""
    last: int
    samples: int
    """Raw ones still kept, of half minutes in which the series had a value."""
    minutes: int
    raw_first: int | None = None
    """Of the raw ones."""


class Row(msgspec.Struct, frozen=True):
    at: int
    values: tuple[float | None, ...]


class StatRow(msgspec.Struct, frozen=True):
    at: int
    """Its beginning."""
    stats: tuple[Stat | None, ...]


class History:
    """A read-only connection, made by `opening.open_history`. Every method raises UnhealthyError when it is damaged."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection
        self._layouts: dict[int, list[str]] = {}

    def size(self) -> int:
        """Bytes of all its files."""
        total = 0
        for suffix in ("", "-wal", "-journal"):
            with contextlib.suppress(OSError):
                total += Path(f"{self.path}{suffix}").stat().st_size
        return total

    def keys(self) -> list[str]:
        """Every series that is still kept."""
        return [span.key for span in self.spans()]

    def spans(self) -> list[SeriesSpan]:
        raw = self._all("SELECT layout, min(first), max(last), sum(count) FROM chunk GROUP BY layout")
        minutes = self._all(f"SELECT layout, min(at), max(at) + {MINUTE}, count(*) FROM minute GROUP BY layout")  # noqa: S608
        found: dict[str, SeriesSpan] = {}
        for is_raw, rows in ((True, raw), (False, minutes)):
            for layout, first, last, count in rows:
                for key in self._keys(layout):
                    one = found.get(key) or SeriesSpan(key=key, first=first, last=first, samples=0, minutes=0)
                    found[key] = _widened(one, first, last, count, is_raw=is_raw)
        return [found[key] for key in sorted(found)]

    def totals(self) -> tuple[int, int, int]:
        """Raw samples, minutes, events."""
        row = self._all(
            "SELECT (SELECT coalesce(sum(count), 0) FROM chunk), (SELECT count(*) FROM minute),"
            " (SELECT count(*) FROM event)"
        )[0]
        return row[0], row[1], row[2]

    def simulated(self, window: Window = EVERYTHING) -> str | None:
        """What was not real in a recording of which this window may hold a part; None: nothing."""
        names = "('started', 'simulated', 'ended')"
        query = f"SELECT at, name, text FROM event WHERE kind = 'recorder' AND name IN {names} ORDER BY seq"  # noqa: S608
        found: str | None = None
        for at, name, text in self._all(query):
            if name == "simulated" and (window.until is None or at <= window.until):
                found = text
            elif name != "simulated" and window.since is not None and at < window.since:
                found = None
        return found

    def raw_count(self, window: Window = EVERYTHING) -> int:
        """Samples in it, give or take half a minute."""
        condition = window.condition("first", "last")
        return int(self._all(f"SELECT coalesce(sum(count), 0) FROM chunk WHERE {condition}")[0][0])  # noqa: S608

    def raw(self, keys: Sequence[str], window: Window = EVERYTHING) -> Iterator[Row]:
        """In the order of recording, which is that of time unless the clock was set. Rows without any are left out."""
        for _, times, columns in self._chunks(keys, 0, window):
            for place, at in enumerate(times):
                if not window.holds(at):
                    continue
                values = tuple(_known(column[place]) if column is not None else None for column in columns)
                if any(value is not None for value in values):
                    yield Row(at, values)

    def minutes(self, keys: Sequence[str], window: Window = EVERYTHING) -> Iterator[StatRow]:
        """Those of the table, then those that are only in the raw samples yet."""
        rows = self._all("SELECT until FROM minute ORDER BY seq DESC LIMIT 1")
        until = rows[0][0] if rows else 0
        condition = f"until <= {until} AND {window.condition('at', 'at')}"
        for at, layout, data in self._portions("minute", "at, layout, data", condition):
            yield from _with_any(StatRow(at, self._stats(keys, layout, data)))
        for minute in self._not_in_the_table(keys, until):
            if window.holds(minute.at):
                yield from _with_any(StatRow(minute.at, tuple(minute.stats.get(key) for key in keys)))

    def events(self, window: Window = EVERYTHING) -> Iterator[HistoryEvent]:
        for _, at, kind, name, subject, state, value, text in self._portions(
            "event", "*", window.condition("at", "at")
        ):
            yield HistoryEvent(at=at, kind=kind, name=name, subject=subject, state=state, value=value, text=text)

    def _not_in_the_table(self, keys: Sequence[str], until: int) -> Iterator[Minute]:
        rollup = Rollup()
        for seq, times, columns in self._chunks(keys, until + 1, EVERYTHING):
            skip = max(0, until + 1 - seq)
            rest = {key: column[skip:] for key, column in zip(keys, columns, strict=True) if column is not None}
            yield from rollup.add(seq + skip, times[skip:], rest)
        yield from rollup.taken()

    def _chunks(
        self, keys: Sequence[str], following: int, window: Window
    ) -> Iterator[tuple[int, list[int], list[array[float] | None]]]:
        """(number of the first sample, times, a column for each key) of chunks with a sample from `following` on."""
        condition = f"seq + count > {following} AND {window.condition('first', 'last')}"
        for seq, _, _, count, layout, data in self._portions("chunk", "*", condition):
            places = {key: place for place, key in enumerate(self._keys(layout))}
            wanted = [places[key] for key in keys if key in places]
            if not wanted:
                continue
            with self._damage_told():
                times, found = unpack_rows(data, count, wanted)
            columns = iter(found)
            yield seq, times, [next(columns) if key in places else None for key in keys]

    def _stats(self, keys: Sequence[str], layout: int, data: bytes) -> tuple[Stat | None, ...]:
        names = self._keys(layout)
        places = {key: place for place, key in enumerate(names)}
        if not places.keys() & set(keys):
            return (None,) * len(keys)
        with self._damage_told():
            lows, means, highs, counts = unpack_minute(data, len(names))
        found = (places.get(key) for key in keys)
        return tuple(None if p is None else Stat(lows[p], means[p], highs[p], counts[p]) for p in found)

    def _keys(self, layout: int) -> list[str]:
        known = self._layouts.get(layout)
        if known is None:
            with self._damage_told():
                known = layout_keys(self._connection, layout)
            self._layouts[layout] = known
        return known

    def _portions(self, table: str, columns: str, condition: str = "1") -> Iterator[tuple]:  # type: ignore[type-arg]
        last = -1
        while True:
            rows = self._all(
                f"SELECT seq, {columns} FROM {table} WHERE seq > ? AND {condition} ORDER BY seq LIMIT {_PORTION}",  # noqa: S608
                (last,),
            )
            if not rows:
                return
            for row in rows:
                yield row[1:]
            last = rows[-1][0]

    def _all(self, query: str, values: tuple[int, ...] = ()) -> list[tuple]:  # type: ignore[type-arg]
        with self._damage_told():
            return self._connection.execute(query, values).fetchall()

    @contextlib.contextmanager
    def _damage_told(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, ValueError) as error:
            raise reading_error(self.path, error) from error


def _widened(one: SeriesSpan, first: int, last: int, count: int, *, is_raw: bool) -> SeriesSpan:
    return SeriesSpan(
        key=one.key,
        first=min(one.first, first),
        last=max(one.last, last) if is_raw or not one.samples else one.last,  # the last sample is within a minute
        samples=one.samples + count * is_raw,
        minutes=one.minutes + count * (not is_raw),
        raw_first=min(one.raw_first or first, first) if is_raw else one.raw_first,
    )


def _known(value: float) -> float | None:
    return value if value == value else None


def _with_any(row: StatRow) -> Iterator[StatRow]:
    if any(stat is not None for stat in row.stats):
        yield row
