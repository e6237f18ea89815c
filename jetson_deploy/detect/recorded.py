"""Answers that `scripts/capture-host` wrote into a captured root, for what a file tree cannot hold."""

from __future__ import annotations

from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from jetson_deploy.detect.engine import engine_facts
from jetson_deploy.detect.host import Host
from jetson_deploy.facts import EngineAnswers, EngineFacts, ModelFacts, StoreFacts

_ENGINE_LIMIT = 8 * 1024 * 1024
"""An engine with hundreds of containers answers in megabytes."""

STORE = "recorded/store.json"

T = TypeVar("T")
_Bytes = Annotated[int, Meta(ge=0, lt=1 << 62)]


class RecordedSpace(msgspec.Struct, frozen=True, kw_only=True):
    total_bytes: _Bytes | None = None
    free_bytes: _Bytes | None = None


class RecordedClock(msgspec.Struct, frozen=True, kw_only=True):
    epoch_seconds: float | None = None
    synchronised: bool | None = None


class RecordedUname(msgspec.Struct, frozen=True, kw_only=True):
    release: str | None = None
    machine: str | None = None


class RecordedStore(msgspec.Struct, frozen=True, kw_only=True):
    """Fields as in `StoreFacts`."""

    path: str
    exists: bool = False
    writable: bool | None = None
    models: tuple[ModelFacts, ...] | None = None
    pinned: tuple[ModelFacts, ...] | None = None


def with_recorded_store(host: Host, store: StoreFacts) -> StoreFacts:
    """recorded/store.json, which `doctor --report` writes, where it is of the same directory."""
    kept = _read(host, STORE, RecordedStore)
    if kept is None or kept.path != store.path:
        return store
    return msgspec.structs.replace(
        store, exists=kept.exists, writable=kept.writable, models=kept.models, pinned=kept.pinned
    )


def recorded_engine(host: Host) -> EngineFacts | None:
    """recorded/engine.json; None: not recorded."""
    answers = _read(host, "recorded/engine.json", EngineAnswers)
    return engine_facts(answers) if answers is not None else None


def recorded_disks(host: Host) -> dict[str, RecordedSpace]:
    """recorded/disks.json: mount point → bytes."""
    return _read(host, "recorded/disks.json", dict[str, RecordedSpace]) or {}


def recorded_clock(host: Host) -> RecordedClock:
    return _read(host, "recorded/clock.json", RecordedClock) or RecordedClock()


def recorded_uname(host: Host) -> RecordedUname:
    return _read(host, "recorded/uname.json", RecordedUname) or RecordedUname()


def _read(host: Host, path: str, shape: type[T]) -> T | None:
    data = host.read_bytes(path, limit=_ENGINE_LIMIT)
    if data is None:
        return None
    try:
        return msgspec.json.decode(data, type=shape)
    except (msgspec.MsgspecError, RecursionError) as error:
        host.notes.append(f"/{path} cannot be used: {error}")
        return None
