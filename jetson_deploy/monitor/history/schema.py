"""The file: its tables, how it is opened for recording, and how it is known again.

Write-ahead log: a commit writes the pages that changed, once, and one fsync; a rollback journal writes the old ones too
and three fsyncs (measured, scripts/benches/monitor_record.py: twice the bytes). Where the filesystem has no
shared memory for it (some network and FUSE mounts), a journal that is truncated serves.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from jetson_deploy.monitor.history.coding import unpack_ids

APPLICATION = 0x4A444D48
"""`JDMH`, in the file's header."""
VERSION = 1
LOG_PAGES = 2000
"""So much of the log is copied into the file at once, and what was written twice only once."""
PAGE = 1024
"""Bytes. Most commits change one page, and the log holds it with its head: with pages of 4 KiB each would dirty two
blocks of the disk (measured: a third more bytes)."""
_CACHE_KIB = 512
_WAIT_SECONDS = 5.0

_TABLES = (
    "CREATE TABLE IF NOT EXISTS series(id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE)",
    "CREATE TABLE IF NOT EXISTS layout(id INTEGER PRIMARY KEY, series BLOB NOT NULL UNIQUE)",
    # seq: number of the first sample; first, last: lowest and highest time in it, milliseconds since 1970
    "CREATE TABLE IF NOT EXISTS chunk(seq INTEGER PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL,"
    " count INTEGER NOT NULL, layout INTEGER NOT NULL, data BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS minute(seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, until INTEGER NOT NULL,"
    " layout INTEGER NOT NULL, data BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS event(seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL,"
    " name TEXT NOT NULL, subject TEXT NOT NULL, state TEXT NOT NULL, value REAL, text TEXT NOT NULL)",
)


class DamagedError(Exception):
    """The file is no database any more, or not a whole one."""


class ForeignError(Exception):
    """A foreign file: another program's database, or of a newer version of this tool."""


def connect(path: Path) -> sqlite3.Connection:
    """For recording: by one thread at a time. Raises sqlite3.Error, DamagedError, ForeignError."""
    connection = sqlite3.connect(path, timeout=_WAIT_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        prepare(connection)
    except BaseException as error:
        connection.close()
        if is_damage(error):
            raise DamagedError(str(error)) from error
        raise
    return connection


def prepare(connection: sqlite3.Connection) -> None:
    run = connection.execute
    run(f"PRAGMA cache_size=-{_CACHE_KIB}")
    if _check_ours(connection):
        run(f"PRAGMA page_size={PAGE}")
        run("PRAGMA auto_vacuum=INCREMENTAL")
    if not _uses_log(connection):
        run("PRAGMA journal_mode=TRUNCATE").fetchall()
    run(f"PRAGMA wal_autocheckpoint={LOG_PAGES}").fetchall()
    run(f"PRAGMA journal_size_limit={2 * LOG_PAGES * PAGE}").fetchall()
    run("PRAGMA synchronous=FULL")  # what was committed outlives a power cut
    if run("PRAGMA user_version").fetchone()[0] == 0:
        with transaction(connection):
            for table in _TABLES:
                run(table)
            run(f"PRAGMA application_id={APPLICATION}")
            run(f"PRAGMA user_version={VERSION}")


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All of it or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def check(connection: sqlite3.Connection) -> None:
    """Reads all of it. Raises DamagedError, sqlite3.Error."""
    try:
        found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        if is_damage(error):
            raise DamagedError(str(error)) from error
        raise
    if found != "ok":
        raise DamagedError(str(found))


def is_damage(error: BaseException) -> bool:
    """Malformed or not a database (a DatabaseError that is none of its subclasses), or numbers that are there twice."""
    return type(error) is sqlite3.DatabaseError or isinstance(error, (sqlite3.IntegrityError, ValueError))


def _check_ours(connection: sqlite3.Connection) -> bool:
    """Whether it is new. Changes nothing. Raises ForeignError."""
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if application != APPLICATION and tables:
        raise ForeignError("is the database of another program")
    if version > VERSION:
        raise ForeignError("was written by a newer version of jetson-deploy")
    return not tables


def _uses_log(connection: sqlite3.Connection) -> bool:
    try:
        return bool(connection.execute("PRAGMA journal_mode=WAL").fetchone()[0] == "wal")
    except sqlite3.OperationalError as error:
        if "full" in str(error) or "readonly" in str(error):
            raise
        return False


def layout_keys(connection: sqlite3.Connection, layout: int) -> list[str]:
    """The series of a chunk or a minute, in their order. Raises ValueError when the file lacks one."""
    row = connection.execute("SELECT series FROM layout WHERE id = ?", (layout,)).fetchone()
    names: dict[int, str] = dict(connection.execute("SELECT id, key FROM series"))
    try:
        return [names[number] for number in unpack_ids(row[0])]
    except (TypeError, KeyError) as error:
        raise ValueError("a series has no name") from error
