"""The database as the recorder writes it: one transaction for each batch; minutes follow from the raw samples."""

from __future__ import annotations

import contextlib
import sqlite3
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path

from jetson_deploy.monitor.history.batch import Batch, HistoryEvent
from jetson_deploy.monitor.history.coding import pack_ids, pack_minute, pack_rows, unpack_rows
from jetson_deploy.monitor.history.default import Kept
from jetson_deploy.monitor.history.retention import expire, shrink
from jetson_deploy.monitor.history.rollup import Minute, Rollup
from jetson_deploy.monitor.history.schema import DamagedError, check, connect, is_damage, layout_keys, transaction

MINUTES_AT_ONCE = 10
"""Minutes are written so many at a time: a kill loses none, for they are made again from the raw samples."""


class Store:
    """Of one thread at a time. Every method raises sqlite3.Error; what was not written then may be tried again."""

    def __init__(self, path: Path, kept: Kept, *, opened: Callable[[Path], sqlite3.Connection] = connect) -> None:
        """Raises DamagedError, ForeignError."""
        self.path = path
        self.unclean = _size(Path(f"{path}-wal")) > 0 or _size(Path(f"{path}-journal")) > 0
        """Who wrote last was killed."""
        self._kept = kept
        self._connection = opened(path)
        self._inode = path.stat().st_ino
        self._layouts: dict[tuple[str, ...], int] = {}
        self._rollup = Rollup()
        self._minutes: list[Minute] = []
        with self._broken_is_damaged():
            self._next = self._resume()

    @property
    def is_there(self) -> bool:
        """False: the file was removed, and writes are lost."""
        try:
            return self.path.stat().st_ino == self._inode
        except OSError:
            return False

    def check(self) -> None:
        """Reads everything. Raises DamagedError."""
        check(self._connection)

    def last_boot(self) -> str | None:
        """As its events tell. Raises DamagedError."""
        query = (
            "SELECT text FROM event WHERE kind = 'recorder' AND name IN ('started', 'rebooted')"
            " ORDER BY seq DESC LIMIT 1"
        )
        with self._broken_is_damaged():
            row = self._connection.execute(query).fetchone()
        return row[0] if row else None

    def write(self, batch: Batch) -> None:
        """All of it, or nothing. Raises DamagedError."""
        due = self._minutes if len(self._minutes) >= MINUTES_AT_ONCE else []
        with self._broken_is_damaged(), transaction(self._connection):
            if batch.times:
                self._put_chunk(batch)
            self._put_events(batch.events)
            for minute in due:
                self._put_minute(minute)
        if due:
            self._minutes = []
        self._minutes += self._rollup.add(self._next, batch.times, batch.columns)
        self._next += len(batch)

    def prune(self, now: int | None) -> None:
        """By room always, by age when there is a time (milliseconds) that can be trusted. Raises DamagedError."""
        with self._broken_is_damaged():
            if now is not None:
                expire(self._connection, self._kept, now)
            shrink(self._connection, self._kept.most_bytes)

    def close(self) -> None:
        """The minutes that ended are written; an error is swallowed, for nothing is lost."""
        with contextlib.suppress(sqlite3.Error, DamagedError):
            if self._minutes:
                with transaction(self._connection):
                    for minute in self._minutes:
                        self._put_minute(minute)
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()

    @contextlib.contextmanager
    def _broken_is_damaged(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.DatabaseError, ValueError) as error:
            self._layouts.clear()  # what was rolled back has no number any more
            if is_damage(error):
                raise DamagedError(str(error)) from error
            raise

    def _resume(self) -> int:
        """The next sample's number. What no minute holds yet is added up again."""
        run = self._connection.execute
        row = run("SELECT until FROM minute ORDER BY seq DESC LIMIT 1").fetchone()
        following = row[0] + 1 if row else 1
        rows = run("SELECT seq, count, layout, data FROM chunk WHERE seq + count > ? ORDER BY seq", (following,))
        for seq, count, layout, data in rows:
            keys = self._keys(layout)
            times, columns = unpack_rows(data, count, range(len(keys)))
            skip = max(0, following - seq)
            rest = {key: column[skip:] for key, column in zip(keys, columns, strict=True)}
            self._minutes += self._rollup.add(seq + skip, times[skip:], rest)
            following = seq + count
        return int(following)

    def _put_chunk(self, batch: Batch) -> None:
        keys = tuple(sorted(batch.columns))
        data = pack_rows(batch.times, [batch.columns[key] for key in keys])
        values = (self._next, min(batch.times), max(batch.times), len(batch), self._layout(keys), data)
        self._connection.execute("INSERT INTO chunk VALUES(?, ?, ?, ?, ?, ?)", values)

    def _put_minute(self, minute: Minute) -> None:
        keys = tuple(sorted(minute.stats))
        found = [minute.stats[key] for key in keys]
        lows, means, highs = (array("f", (getattr(one, f) for one in found)) for f in ("low", "mean", "high"))
        data = pack_minute(lows, means, highs, (one.count for one in found))
        self._connection.execute(
            "INSERT INTO minute(at, until, layout, data) VALUES(?, ?, ?, ?)",
            (minute.at, minute.until, self._layout(keys), data),
        )

    def _put_events(self, events: list[HistoryEvent]) -> None:
        self._connection.executemany(
            "INSERT INTO event(at, kind, name, subject, state, value, text) VALUES(?, ?, ?, ?, ?, ?, ?)",
            [(e.at, e.kind, e.name, e.subject, e.state, e.value, e.text) for e in events],
        )

    def _layout(self, keys: tuple[str, ...]) -> int:
        found = self._layouts.get(keys)
        if found is None:
            ids = pack_ids(self._number("series", "key", key) for key in keys)
            self._layouts[keys] = found = self._number("layout", "series", ids)
        return found

    def _number(self, table: str, column: str, value: str | bytes) -> int:
        run = self._connection.execute
        row = run(f"SELECT id FROM {table} WHERE {column} = ?", (value,)).fetchone()  # noqa: S608 - our own names
        if row is None:
            row = (run(f"INSERT INTO {table}({column}) VALUES(?)", (value,)).lastrowid,)
        return int(row[0])

    def _keys(self, layout: int) -> list[str]:
        return layout_keys(self._connection, layout)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
