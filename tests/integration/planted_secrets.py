"""One sweep for planted secrets: in what was said, in files, and in every process's command line while a run goes on.

planted = Planted(password, passphrase)
with planted.watched() as seen:
    …  # the run; processes of namespaces below this one are seen as well
assert planted.files(folder, given=[password_file]) == [] and planted.said(out, err) == [] and seen.shown == []
"""

from __future__ import annotations

import base64
import contextlib
import os
import stat
import threading
from collections.abc import Collection, Iterator
from pathlib import Path

_PAUSE_SECONDS = 0.01
_CHUNK = 1 << 20


class Seen:
    """Of the processes that ran meanwhile: each command line and environment, as often as it was looked."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        """Command lines that hold a secret, and command lines of processes whose environment does."""
        self.commands: set[bytes] = set()


class Planted:
    def __init__(self, *secrets: str) -> None:
        """Each also as base64, by itself and behind a user's name: how HTTP and Docker's config.json write it."""
        plain = [secret.encode() for secret in secrets]
        logins = [secret.rpartition(":")[2].encode() for secret in secrets]
        self._forms = tuple({*plain, *logins, *(base64.b64encode(one).rstrip(b"=") for one in plain)})

    def said(self, *texts: str | bytes) -> list[str]:
        """The texts that hold one."""
        read = (text.encode(errors="surrogateescape") if isinstance(text, str) else text for text in texts)
        return [text.decode(errors="replace") for text in read if self._in(text)]

    def files(self, *roots: Path, given: Collection[Path] = ()) -> list[str]:
        """Files below the roots that hold one, or are called so. `given`: meant for them, for their owner alone."""
        for path in given:
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, f"{path} can be read by others"
            assert self._in_file(path), f"{path} holds none of them: nothing was planted"
        meant = {_identity(path) for path in given}
        found = []
        for root in roots:
            assert root.exists(), root
            for path in _below(root):
                with contextlib.suppress(FileNotFoundError):
                    if self._in(os.fsencode(path.name)) or (_identity(path) not in meant and self._in_file(path)):
                        found.append(str(path))
        return found

    @contextlib.contextmanager
    def watched(self) -> Iterator[Seen]:
        seen, ended = Seen(), threading.Event()
        watcher = threading.Thread(target=self._watch, args=(seen, ended))
        watcher.start()
        try:
            yield seen
        finally:
            ended.set()
            watcher.join()

    def _watch(self, seen: Seen, ended: threading.Event) -> None:
        while not ended.wait(_PAUSE_SECONDS):
            for process in Path("/proc").iterdir():
                if process.name.isdigit():
                    with contextlib.suppress(OSError):
                        self._look(seen, process)

    def _look(self, seen: Seen, process: Path) -> None:
        command = (process / "cmdline").read_bytes().replace(b"\0", b" ")
        if not command or int(process.name) == os.getpid():
            return
        seen.commands.add(command)
        if self._in(command) or self._in((process / "environ").read_bytes()):
            seen.shown.append(command.decode(errors="replace"))

    def _in(self, text: bytes) -> bool:
        return any(form in text for form in self._forms)

    def _in_file(self, path: Path) -> bool:
        if not stat.S_ISREG(path.lstat().st_mode):
            return False
        overlap = max(map(len, self._forms))
        with path.open("rb") as file:
            behind = b""
            while chunk := file.read(_CHUNK):
                if self._in(behind + chunk):
                    return True
                behind = chunk[-overlap:]
        return False


def _below(root: Path) -> Iterator[Path]:
    """Without what is mounted below it, which is a root of its own."""
    (device, _) = _identity(root)
    for folder, folders, names in os.walk(root):
        yield from (Path(folder, name) for name in (*names, *folders))
        folders[:] = [name for name in folders if _is_on(device, Path(folder, name))]


def _is_on(device: int, folder: Path) -> bool:
    try:
        return _identity(folder)[0] == device
    except FileNotFoundError:  # it went meanwhile
        return False


def _identity(path: Path) -> tuple[int, int]:
    found = path.lstat()
    return found.st_dev, found.st_ino
