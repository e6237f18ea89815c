"""The state file's form: an envelope with schema number and checksum around `deployment/revisions.py State`.

    {"schema": "jetson-deploy.state/2", "checksum": "sha256:<hex of the exact bytes of the body>", "state": {body}}

Pure but for `read_state_file`.
"""

from __future__ import annotations

import hashlib
import math
import re
from pathlib import Path
from typing import Any

import msgspec

from jetson_deploy.deployment.revisions import KEPT_LINES, KEPT_REVISIONS, State
from jetson_deploy.errors import InternalError, PreflightError
from jetson_deploy.store.whole_file import read_bounded

SCHEMA = 2
FAMILY = "jetson-deploy.state/"
MOST_BYTES = 4 * 2**20
"""A file that is longer is not ours; about 60 KiB are usual."""
MOST_TEXT = 1000
"""Characters of one text: an error may quote a whole log."""
MOST_SPEC_BYTES = 64 * 2**10
MOST_VERDICTS = 32
FEW_LINES = 10


class FoundState(msgspec.Struct, frozen=True, kw_only=True):
    """What lay there. Nothing at all: the file is not there."""

    state: State | None = None
    problem: str | None = None
    """Why it is not used, to follow the file's name: `is damaged: …`."""
    old: bool = False
    """An older jetson-deploy wrote it; nothing is wrong with it."""


class _Head(msgspec.Struct):
    schema: str


class _Envelope(msgspec.Struct):
    checksum: str
    state: msgspec.Raw


def read_state_file(path: Path, deployment: str) -> FoundState:
    """Raises PreflightError: `state-newer`, or `state-not-readable` where permission is missing."""
    try:
        content = read_bounded(path, MOST_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        return FoundState()
    except PermissionError as error:
        raise PreflightError(
            f"{path} cannot be read: {error.strerror}", hint="run with sudo", code="state-not-readable"
        ) from error
    except OSError as error:
        return FoundState(problem=f"cannot be read: {error.strerror}")
    if content is None:
        return FoundState(problem=f"is damaged: no regular file of at most {MOST_BYTES} bytes")
    return decode_state(content, path, deployment)


def decode_state(content: bytes, path: Path, deployment: str) -> FoundState:
    """`path` is for texts. Raises PreflightError `state-newer`."""
    try:
        number = _schema(msgspec.json.decode(content, type=_Head).schema)
        if number is not None and number > SCHEMA:
            raise _newer(path, number)
        if number == 1:
            return FoundState(problem="was written by an older jetson-deploy", old=True)
        if number != SCHEMA:
            return FoundState(problem="is damaged: its schema is unknown")
        body = unsealed(content)
        if body is None:
            return FoundState(problem="is damaged: its checksum does not match")
        state = msgspec.json.decode(body, type=State)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        return FoundState(problem=f"is damaged: {ascii(str(error))[1:-1][:200]}")
    if state.deployment != deployment:
        return FoundState(problem=f"is of another deployment, {ascii(state.deployment)[:100]}")
    return FoundState(state=state)


def encode_state(state: State) -> bytes:
    """`state` as `bounded` made it."""
    return sealed(f"{FAMILY}{SCHEMA}", state)


def sealed(schema: str, document: msgspec.Struct) -> bytes:
    """In the envelope of a state file."""
    body = msgspec.json.format(msgspec.json.encode(document), indent=1)
    head = f'{{\n "schema": "{schema}",\n "checksum": "{_checksum(body)}",\n "state": '
    return head.encode() + body + b"\n}\n"


def unsealed(content: bytes) -> bytes | None:
    """What an envelope holds; None: its checksum is another's. Raises msgspec.MsgspecError, ValueError."""
    envelope = msgspec.json.decode(content, type=_Envelope)
    return bytes(envelope.state) if envelope.checksum == _checksum(bytes(envelope.state)) else None


def bounded(state: State) -> State:
    """What is written of it. Raises InternalError when it could not be read back."""
    revisions, needed = list(state.revisions), (state.current, state.previous)
    while len(revisions) > KEPT_REVISIONS:
        revisions.remove(next((r for r in revisions if r.number not in needed), revisions[0]))
    state = msgspec.structs.replace(
        state, revisions=tuple(revisions), lines=state.lines[-KEPT_LINES:], numbered=state.last_number
    )
    try:
        small = _cut_to_size(state)
        if len(msgspec.json.encode(small)) > MOST_BYTES // 2:  # indentation comes on top
            bare = tuple(msgspec.structs.replace(r, verdicts=(), spec=None) for r in small.revisions)
            small = msgspec.structs.replace(small, revisions=bare, lines=small.lines[-FEW_LINES:])
        if msgspec.json.decode(msgspec.json.encode(small), type=State) == small:
            return small
        why = "it reads back as something else"
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        why = str(error)
    raise InternalError(f"the state cannot be written down: {why}", hint="report it", code="bug")


def _cut_to_size(state: State) -> State:
    return msgspec.convert(_cut(msgspec.to_builtins(state)), State)


def _cut(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _cut_field(key, item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_cut(item) for item in value]
    if isinstance(value, str):
        # Bytes of a foreign program that are no UTF-8 arrive as surrogates, which JSON cannot hold.
        text = value.encode(errors="backslashreplace").decode()
        return text if len(text) <= MOST_TEXT else text[: MOST_TEXT - 1] + "…"
    return 0.0 if isinstance(value, float) and not math.isfinite(value) else value


def _cut_field(key: str, value: Any) -> Any:
    if key == "spec":  # one that is cut would be another one
        return value if len(msgspec.json.encode(value)) <= MOST_SPEC_BYTES else None
    return _cut(value[:MOST_VERDICTS] if key == "verdicts" else value)


def _checksum(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def _schema(text: str) -> int | None:
    found = re.fullmatch(re.escape(FAMILY) + r"([0-9]{1,6})", text)
    return int(found[1]) if found else None


def _newer(path: Path, number: int) -> PreflightError:
    return PreflightError(
        f"{path} has schema {number}: a newer jetson-deploy wrote it, this one reads up to {SCHEMA}",
        hint="use the newer one here; or move the file away: the state is then rebuilt from the containers",
        code="state-newer",
    )
