"""What we remember of a deployment beside its container's labels, in one file, written atomically.

`<state dir>/<name>/state.json`: temp, fsync, rename, fsync of the directory. Labels are the ground truth:
a lost or damaged file loses the record of the proof, nothing else.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from jetson_deploy.errors import PreflightError
from jetson_deploy.events import Verdict

KEPT_EVIDENCE = 5


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
    fetched_model: bool
    """We put the model into the store: `down --purge` may remove it."""
    pulled_image: bool
    """We pulled the image: `down --purge` may remove it."""


class StateDirectory:
    """The directory of one deployment under the state directory."""

    def __init__(self, root: Path, name: str) -> None:
        self.path = root / name

    def read(self) -> Record | None:
        """The record, or None when there is none or it cannot be read."""
        try:
            return msgspec.json.decode((self.path / "state.json").read_bytes(), type=Record)
        except (OSError, msgspec.MsgspecError):
            return None

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
        self._replace("state.json", msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n")

    def keep_evidence(self, revision: int, text: str) -> Path:
        """Keep the log of a failed revision; the oldest beyond five go."""
        name = f"failed-{revision:04d}.log"
        self._replace(name, text.encode())
        for old in sorted(self.path.glob("failed-*.log"))[:-KEPT_EVIDENCE]:
            old.unlink(missing_ok=True)
        return self.path / name

    def remove(self) -> None:
        """Remove what we wrote, and the directory when nothing else is in it."""
        for path in (*self.path.glob("failed-*.log"), self.path / "state.json"):
            path.unlink(missing_ok=True)
        if self.path.is_dir() and not any(self.path.iterdir()):
            self.path.rmdir()

    def _replace(self, name: str, content: bytes) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        temporary = self.path / f".{name}.{os.getpid()}"
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.path / name)
        directory = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
