"""The directory of one deployment under the state directory: the records beside its container's labels.

    state.json            deployment/revisions.py State in an envelope (state_file.py), replaced whole
    state.json.bak        the one before
    state.json.set-aside  the last one that could not be used, for whoever wants to know why
    brought.json          images and models that were downloaded
    evidence/0007-server/ logs and more of a failed revision

Labels are the ground truth: whatever is lost here is rebuilt from the containers (deployment/rebuild.py), or makes
`down --purge` keep what it could have removed.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from jetson_deploy.deployment.revisions import State
from jetson_deploy.errors import PreflightError, ResourceError
from jetson_deploy.events import Note, Reporter, silent
from jetson_deploy.state.state_file import FoundState, bounded, encode_state, read_state_file
from jetson_deploy.store.layout import DIRECTORY_MODE
from jetson_deploy.store.whole_file import replace_whole, temporaries

STATE = "state.json"
BACKUP = "state.json.bak"
SET_ASIDE = "state.json.set-aside"

Item = TypeVar("Item")


class OwnedModel(msgspec.Struct, frozen=True):
    name: str
    store: str


class Owned(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="jetson-deploy.brought/1"):
    """Images and models that were downloaded, and `down --purge` may therefore remove."""

    images: tuple[str, ...] = ()
    models: tuple[OwnedModel, ...] = ()


class StateDirectory:
    """Whoever writes holds the deployment's lock; reading needs none.

    Everything that writes raises PreflightError `state-newer` when a newer jetson-deploy wrote the state, and
    ResourceError `state-not-writable` when the disk refuses; the files are then as they were.
    """

    def __init__(self, root: Path, name: str) -> None:
        self.path = root / name
        self.name = name
        self._lock = threading.Lock()

    @property
    def exists(self) -> bool:
        """Something is on record, whether or not it can be used."""
        return any(os.path.lexists(self.path / name) for name in (STATE, BACKUP))

    def load(self, report: Reporter = silent) -> State | None:
        """The state; None when there is none that can be used, and a Note says so unless there never was one.

        The state is then rebuilt from the containers. Raises PreflightError `state-newer`, `state-not-readable`.
        """
        first = self._found(STATE)
        if first.state is not None or first.old:
            if first.old:
                report(Note(level="info", text=f"{self.path / STATE} {first.problem}: the containers are read instead"))
            return first.state
        second = self._found(BACKUP)
        why = f"{self.path / STATE} {first.problem or 'is gone'}"
        if second.state is not None:
            text = f"{why}: {BACKUP}, the one before, is used; the last change is lost"
            report(Note(level="warning", text=text))
        elif first.problem or second.problem:
            also = f", and {BACKUP} {second.problem}" if second.problem else ""
            text = f"{why}{also}: the containers are read instead, times and verdicts are lost"
            report(Note(level="warning", text=text))
        return second.state

    def save(self, state: State) -> State:
        """Writes it with the next generation, bounded; returns what was written."""
        state = bounded(msgspec.structs.replace(state, generation=state.generation + 1))
        with self._written(STATE):
            usable = self._found(STATE).state is not None
            # A file that cannot be used must not push out a .bak that can.
            replace_whole(self.path / STATE, encode_state(state), keep_as=BACKUP if usable else SET_ASIDE)
        return state

    def change(self, apply: Callable[[State], State], new: Callable[[], State] | None = None) -> State:
        """Load, apply, save. `new`: what it begins with when there is no usable state; default: an empty one."""
        state = self.load()
        if state is None:
            state = new() if new is not None else State(deployment=self.name)
        return self.save(apply(state))

    def clear_attention(self) -> None:
        """The running server passed its checks: drop the request for manual action."""
        state = self.load()
        if state is not None and state.attention is not None:
            self.change(lambda s: msgspec.structs.replace(s, attention=None))

    def keep_evidence(self, revision: int, what: str, files: Mapping[str, str]) -> Path:
        """Keep `files` (name → text) of a failed revision: redacted, the ends of long ones; the oldest bundles go.

        Returns their directory.
        """
        from jetson_deploy.state.failure_logs import keep_bundle  # its patterns take 5 ms, for failures alone

        with self._written("evidence"):
            return keep_bundle(self.path / "evidence", revision, what, files)

    def owned(self) -> Owned:
        """The downloaded images and models; nothing when there is no record or it cannot be read."""
        try:
            return msgspec.json.decode((self.path / "brought.json").read_bytes(), type=Owned)
        except (OSError, msgspec.MsgspecError, ValueError, RecursionError):
            return Owned()

    def add_image(self, reference: str) -> None:
        """Remember an image the moment it is here: whatever fails afterwards, it stays ours. Thread-safe."""
        with self._written("brought.json"):
            before = self.owned()
            self._keep(msgspec.structs.replace(before, images=_with(before.images, reference)))

    def add_model(self, name: str, store: str) -> None:
        """As `add_image`."""
        with self._written("brought.json"):
            before = self.owned()
            self._keep(msgspec.structs.replace(before, models=_with(before.models, OwnedModel(name, store))))

    def forget_image(self, reference: str) -> None:
        """It was removed, or did not come: not ours any more. Thread-safe."""
        with self._written("brought.json"):
            before = self.owned()
            self._keep(msgspec.structs.replace(before, images=tuple(i for i in before.images if i != reference)))

    def forget_model(self, model: OwnedModel) -> None:
        """As `forget_image`."""
        with self._written("brought.json"):
            before = self.owned()
            self._keep(msgspec.structs.replace(before, models=tuple(m for m in before.models if m != model)))

    def prepare(self) -> None:
        """Make the directory, before anything else is changed. Raises PreflightError."""
        self._check_not_newer()
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=DIRECTORY_MODE)
        except OSError as error:
            raise PreflightError(
                f"cannot write the state directory {self.path}: {error.strerror}",
                hint="run with sudo, or set JETSON_DEPLOY_STATE_DIR to a directory you may write",
                code="state-not-writable",
            ) from error

    def remove(self) -> None:
        """Remove what we wrote, and the directory when nothing else is in it."""
        from jetson_deploy.state.failure_logs import remove_bundles

        with self._written("state"):
            remove_bundles(self.path / "evidence")
            named = [self.path / name for name in (BACKUP, SET_ASIDE, STATE, "brought.json")]
            for path in (*self.path.glob("failed-*.log"), *temporaries(self.path), *named):
                path.unlink(missing_ok=True)
            if self.path.is_dir() and not any(self.path.iterdir()):
                self.path.rmdir()

    def _found(self, name: str) -> FoundState:
        return read_state_file(self.path / name, self.name)

    def _check_not_newer(self) -> None:
        for name in (STATE, BACKUP):
            if self._found(name).state is not None:
                return

    @contextlib.contextmanager
    def _written(self, what: str) -> Iterator[None]:
        with self._lock:
            self._check_not_newer()
            try:
                yield
            except OSError as error:
                raise ResourceError(
                    f"cannot write {self.path / what}: {error.strerror}",
                    hint=f"free space there (df -h {self.path.parent}), or set JETSON_DEPLOY_STATE_DIR",
                    code="state-not-writable",
                ) from error

    def _keep(self, owned: Owned) -> None:
        replace_whole(self.path / "brought.json", _text(owned))


def _with(items: tuple[Item, ...], item: Item) -> tuple[Item, ...]:
    return items if item in items else (*items, item)


def _text(document: msgspec.Struct) -> bytes:
    return msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n"
