"""Opening the history to read it, with a line of cause and a fix where that cannot be."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from jetson_deploy.errors import JetsonDeployError, PreflightError, UsageError
from jetson_deploy.monitor.history.files import reading_error
from jetson_deploy.monitor.history.reader import History
from jetson_deploy.monitor.history.schema import APPLICATION, VERSION

_WAIT_SECONDS = 5.0


@contextlib.contextmanager
def open_history(path: Path) -> Iterator[History]:
    """Raises PreflightError (nothing there, not readable), UsageError (not a history), UnhealthyError (damaged)."""
    _check_is_there(path)
    connection = _connected(path)
    try:
        yield History(path, connection)
    finally:
        connection.close()


def _check_is_there(path: Path) -> None:
    try:
        if path.exists() and not path.is_file() and not path.is_dir():  # opening a pipe would wait for ever
            raise UsageError(f"{path} is no ordinary file", hint="give another --db FILE", code="not-a-history")
        with path.open("rb"):
            return
    except FileNotFoundError as error:
        raise PreflightError(
            f"nothing was recorded in {path}",
            hint="jetson-deploy monitor record starts recording; --db FILE names another file",
            code="no-history",
        ) from error
    except IsADirectoryError as error:
        raise UsageError(f"{path} is a directory", hint="give a file to --db", code="not-a-history") from error
    except OSError as error:
        raise PreflightError(
            f"{path} cannot be read: {error.strerror}", hint="run with sudo, or give --db FILE", code="no-history"
        ) from error


def _connected(path: Path) -> sqlite3.Connection:
    """Where no recorder runs and we may not write beside it, SQLite must be opened as immutable."""
    failure: sqlite3.Error | None = None
    for mode in ("mode=ro", "mode=ro&immutable=1"):
        if "immutable" in mode and _holds_something(Path(f"{path}-wal")):
            break
        connection = sqlite3.connect(f"file:{quote(str(path.absolute()))}?{mode}", uri=True, timeout=_WAIT_SECONDS)
        try:
            connection.execute("PRAGMA query_only=1")
            _check_ours(path, connection)
            return connection
        except sqlite3.Error as error:
            connection.close()
            failure = failure or error
        except JetsonDeployError:
            connection.close()
            raise
    raise reading_error(path, failure or sqlite3.OperationalError("it cannot be opened")) from failure


def _holds_something(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return False


def _check_ours(path: Path, connection: sqlite3.Connection) -> None:
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if application != APPLICATION and (application or version or connection.execute("PRAGMA page_count").fetchone()[0]):
        raise UsageError(f"{path} is no history", hint="give another --db FILE", code="not-a-history")
    if version > VERSION:
        raise UsageError(
            f"{path} was written by a newer version of jetson-deploy",
            hint="read it with that one",
            code="not-a-history",
        )
    if not version:
        raise PreflightError(
            f"nothing was recorded in {path} yet", hint="try again in half a minute", code="no-history"
        )
