"""The keys of one deployment: in a file, and in the HAProxy that runs, which takes it without a restart."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from jetson_deploy.errors import JetsonDeployError, NeedsAttentionError, PreflightError, ResourceError, UsageError
from jetson_deploy.expose.admin_socket import NotRunningError, tell
from jetson_deploy.expose.door import DoorFiles, unit_of
from jetson_deploy.expose.keys import Key, KeyBook, NewKey, entry, map_text
from jetson_deploy.expose.unit import may_run
from jetson_deploy.store.whole_file import PRIVATE_MODE, replace_whole

_MOST = 1000
_LARGEST = 1 << 20
_STARTS_SECONDS = 10.0


def load_keys(files: DoorFiles) -> KeyBook:
    """Raises PreflightError `keys-not-readable`, ResourceError `keys-damaged`."""
    path = files.key_book
    try:
        with path.open("rb") as file:
            return msgspec.json.decode(file.read(_LARGEST), type=KeyBook)
    except FileNotFoundError:
        return KeyBook()
    except OSError as error:
        raise PreflightError(
            f"{path} cannot be read: {error.strerror}", hint="run with sudo", code="keys-not-readable"
        ) from error
    except (msgspec.MsgspecError, ValueError) as error:
        raise ResourceError(
            f"{path} is damaged", hint=f"remove it and make new keys: rm {path}", code="keys-damaged"
        ) from error


def add_key(files: DoorFiles, new: NewKey) -> bool:
    """True: the door that runs knows it too. Raises UsageError `key-exists`, `too-many-keys`; as `load_keys`."""
    book = load_keys(files)
    if book.key(new.key.name) is not None:
        raise UsageError(
            f"there is a key {new.key.name!r}",
            hint=f"take another name, or first: jetson-deploy key revoke {new.key.name}",
            code="key-exists",
        )
    if len(book.keys) >= _MOST:
        raise UsageError(f"there are {_MOST} keys", hint="revoke those that expired", code="too-many-keys")
    _save(files, KeyBook(keys=(*book.keys, new.key)))
    try:
        return _told(files, f"add map {files.keys} {new.key.sha256} {entry(new.key)}")
    except JetsonDeployError:
        _save(files, book)  # its secret is never shown
        raise


def remove_key(files: DoorFiles, name: str) -> bool:
    """True: the door that runs refuses it now, too. Raises UsageError `no-such-key`; as `_told`, `load_keys`."""
    book = load_keys(files)
    gone = book.key(name)
    if gone is None:
        known = ", ".join(key.name for key in book.keys) or "none"
        raise UsageError(f"there is no key {name!r}", hint=f"the keys: {known}", code="no-such-key")
    _save(files, KeyBook(keys=tuple(key for key in book.keys if key is not gone)))
    return _told(files, f"del map {files.keys} {gone.sha256}")


def let_in(files: DoorFiles, new: NewKey) -> None:
    """By the HAProxy that runs, alone: no file knows it. Raises NeedsAttentionError, PreflightError."""
    _told(files, f"add map {files.keys} {new.key.sha256} {entry(new.key)}")


def let_out(files: DoorFiles, new: NewKey) -> None:
    """Raises as `let_in`."""
    _told(files, f"del map {files.keys} {new.key.sha256}")


def write_map(files: DoorFiles, *more: Key) -> None:
    """What HAProxy starts with."""
    with _written(files.keys):
        replace_whole(files.keys, map_text((*load_keys(files).keys, *more)), mode=PRIVATE_MODE)


def _save(files: DoorFiles, book: KeyBook) -> None:
    with _written(files.key_book):
        replace_whole(files.key_book, msgspec.json.encode(book), mode=PRIVATE_MODE)
    if files.keys.exists():
        write_map(files)


def _told(files: DoorFiles, command: str) -> bool:
    """False: there is none that runs. Raises NeedsAttentionError `door-keys-not-taken`."""
    deadline = time.monotonic() + _STARTS_SECONDS
    while True:
        try:
            said = tell(files.socket, command)
            break
        except NotRunningError:
            # One that starts has perhaps read the file before it was written, and is asked again as soon as it listens.
            if not may_run(files) or time.monotonic() > deadline:
                return False
            time.sleep(0.2)
    if said and not (command.startswith("del ") and "not found" in said.lower()):
        unit = unit_of(files.deployment)
        raise NeedsAttentionError(
            f"the keys are written, and HAProxy did not take the change: {said.splitlines()[0][:200]}",
            hint=f"sudo systemctl restart {unit} makes it read them; streams that run end",
            code="door-keys-not-taken",
        )
    return True


@contextlib.contextmanager
def _written(path: Path) -> Iterator[None]:
    try:
        yield
    except PermissionError as error:
        raise PreflightError(
            f"cannot write {path}: {error.strerror}", hint="run with sudo", code="keys-not-writable"
        ) from error
    except OSError as error:
        raise ResourceError(
            f"cannot write {path}: {error.strerror}", hint=f"free space there (df -h {path.parent})", code="no-space"
        ) from error


def named(keys: Iterable[Key]) -> str:
    return ", ".join(key.name for key in keys)
