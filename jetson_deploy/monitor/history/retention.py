"""Delete old data: raw samples after days, minutes and events after months, the oldest raw first for room.

By age only data with a valid time, and data without one when everything around it was old enough: a clock that
stood in 1970 or ran ahead must not cost the history.
"""

from __future__ import annotations

import sqlite3

from jetson_deploy.monitor.history.clock import DAY, EARLIEST
from jetson_deploy.monitor.history.default import Kept
from jetson_deploy.monitor.history.schema import LOG_PAGES, PAGE, transaction

_AT_ONCE = 200
"""Rows in one transaction: the log stays short."""
_OLDEST_AT_ONCE = 25
_PAGES_AT_ONCE = 1000
LOG_BYTES = 4 * LOG_PAGES * PAGE
"""Set aside for the log and its index out of what all files may take."""
_SPARE = 0.98
"""Make so much room that it need not be made again at once."""
_MOST_EMPTY = 0.25
"""Share of the file that may be free pages, which are used again."""


def expire(connection: sqlite3.Connection, kept: Kept, now: int) -> int:
    """`now` in milliseconds, from a clock that is trusted. Returns rows that went."""
    gone = _expire(connection, "chunk", "last", now, now - round(kept.raw_days * DAY))
    for table in ("minute", "event"):
        gone += _expire(connection, table, "at", now, now - round(kept.minute_days * DAY))
    return gone


def _expire(connection: sqlite3.Connection, table: str, column: str, now: int, before: int) -> int:
    newest = connection.execute(
        f"SELECT max(seq) FROM {table} WHERE {column} >= ? AND {column} < ?",  # noqa: S608 - our own names
        (EARLIEST, before),
    ).fetchone()[0]
    if newest is None:
        return 0
    old = f"seq <= ? AND ({column} < ? OR {column} > ?)"  # 1970 is below `before` too
    return _delete(connection, table, old, (newest, before, now + DAY))


def shrink(connection: sqlite3.Connection, most_bytes: int) -> int:
    """Until the file is within its bound. Returns rows that went."""
    most = (most_bytes - LOG_BYTES) // PAGE
    gone = 0
    if _pages(connection) - _free(connection) > most:
        while _pages(connection) - _free(connection) > most * _SPARE:
            rows = _delete_oldest(connection)
            if not rows:
                break
            gone += rows
    while (pages := _pages(connection)) > most or _free(connection) > max(pages * _MOST_EMPTY, _PAGES_AT_ONCE):
        connection.execute(f"PRAGMA incremental_vacuum({_PAGES_AT_ONCE})").fetchall()
        if _pages(connection) == pages:
            break
    return gone


def _delete_oldest(connection: sqlite3.Connection) -> int:
    """Raw first, then minutes, then events; the last of each stays, for its number is where the next one follows."""
    for table in ("chunk", "minute", "event"):
        limit = (
            f"seq IN (SELECT seq FROM {table} ORDER BY seq LIMIT {_OLDEST_AT_ONCE})"  # noqa: S608
            f" AND seq < (SELECT max(seq) FROM {table})"
        )
        with transaction(connection):
            rows = connection.execute(f"DELETE FROM {table} WHERE {limit}").rowcount  # noqa: S608
        if rows:
            return rows
    return 0


def _delete(connection: sqlite3.Connection, table: str, condition: str, values: tuple[int, ...]) -> int:
    gone = 0
    while True:
        which = f"SELECT seq FROM {table} WHERE {condition} ORDER BY seq LIMIT {_AT_ONCE}"  # noqa: S608
        with transaction(connection):
            rows = connection.execute(f"DELETE FROM {table} WHERE seq IN ({which})", values).rowcount  # noqa: S608
        gone += rows
        if rows < _AT_ONCE:
            return gone


def _pages(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA page_count").fetchone()[0])


def _free(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA freelist_count").fetchone()[0])
