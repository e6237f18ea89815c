"""What we remember of a deployment beside its container's labels, in two files, written atomically.

`<state dir>/<name>/state.json` is the last proof, `brought.json` what we put on this host: temp, fsync, rename,
fsync of the directory. Labels are the ground truth: a lost or damaged file loses the record of the proof, or
makes `down --purge` keep what it could have removed.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TypeVar

import msgspec

from jetson_deploy.errors import PreflightError, ResourceError
from jetson_deploy.events import Verdict

KEPT_EVIDENCE = 5

Item = TypeVar("Item")


class Record(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="jetson-deploy.state/1"):
    """The deployment that was proven last."""

    container: str
    revision: int
    image: str
    image_id: str
    image_digest: str | None
    model: str
    model_digest: str | None
    spec_hash: str
    store: str
    accept_cpu: bool
    simulated: str | None
    proven_at: str
    """Wall clock, RFC 3339, for people only."""
    tokens_per_second: float | None
    gpu_share: float | None
    verdicts: tuple[Verdict, ...]


class BroughtModel(msgspec.Struct, frozen=True):
    name: str
    store: str


class Brought(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="jetson-deploy.brought/1"):
    """What was not on this host before us, and `down --purge` may therefore remove."""

    images: tuple[str, ...] = ()
    models: tuple[BroughtModel, ...] = ()


class StateDirectory:
    """The directory of one deployment under the state directory."""

    def __init__(self, root: Path, name: str) -> None:
        self.path = root / name
        self._lock = threading.Lock()

    def read(self) -> Record | None:
        """The record, or None when there is none or it cannot be read."""
        try:
            return msgspec.json.decode((self.path / "state.json").read_bytes(), type=Record)
        except (OSError, msgspec.MsgspecError):
            return None

    def brought(self) -> Brought:
        """What we brought; nothing when there is no record or it cannot be read."""
        try:
            return msgspec.json.decode((self.path / "brought.json").read_bytes(), type=Brought)
        except (OSError, msgspec.MsgspecError):
            return Brought()

    def add_image(self, reference: str) -> None:
        """Remember an image the moment it is here: whatever fails afterwards, it stays ours. Thread-safe."""
        with self._lock:
            before = self.brought()
            self._keep(msgspec.structs.replace(before, images=_with(before.images, reference)))

    def add_model(self, name: str, store: str) -> None:
        """As `add_image`."""
        with self._lock:
            before = self.brought()
            self._keep(msgspec.structs.replace(before, models=_with(before.models, BroughtModel(name, store))))

    def prepare(self) -> None:
        """Make the directory, before anything else is changed. Raises PreflightError."""
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o755)
        except OSError as error:
            raise PreflightError(
                f"cannot write the state directory {self.path}: {error.strerror}",
                hint="run with sudo, or set JETSON_DEPLOY_STATE_DIR to a directory you may write",
                code="state-not-writable",
            ) from error

    def write(self, record: Record) -> None:
        self._replace("state.json", _text(record))

    def keep_evidence(self, revision: int, text: str) -> Path:
        """Keep the log of a failed revision; the oldest beyond five go."""
        name = f"failed-{revision:04d}.log"
        self._replace(name, text.encode())
        for old in sorted(self.path.glob("failed-*.log"))[:-KEPT_EVIDENCE]:
            old.unlink(missing_ok=True)
        return self.path / name

    def remove(self) -> None:
        """Remove what we wrote, and the directory when nothing else is in it."""
        for path in (*self.path.glob("failed-*.log"), self.path / "state.json", self.path / "brought.json"):
            path.unlink(missing_ok=True)
        if self.path.is_dir() and not any(self.path.iterdir()):
            self.path.rmdir()

    def _keep(self, brought: Brought) -> None:
        self._replace("brought.json", _text(brought))

    def _replace(self, name: str, content: bytes) -> None:
        """Raises ResourceError; the file is then as it was."""
        try:
            self._write(name, content)
        except OSError as error:
            raise ResourceError(
                f"cannot write {self.path / name}: {error.strerror}",
                hint=f"free space there (df -h {self.path.parent}), or set JETSON_DEPLOY_STATE_DIR",
                code="state-not-writable",
            ) from error

    def _write(self, name: str, content: bytes) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        temporary = self.path / f".{name}.{os.getpid()}"
        try:
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self.path / name)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        directory = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _with(items: tuple[Item, ...], item: Item) -> tuple[Item, ...]:
    return items if item in items else (*items, item)


def _text(document: msgspec.Struct) -> bytes:
    return msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n"
