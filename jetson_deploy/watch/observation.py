"""One look at a deployment, as data. Times are monotonic seconds; None: not known, or not asked."""

from __future__ import annotations

from typing import Literal

import msgspec

from jetson_deploy.runtime.port import ContainerState


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A generate. `empty` only makes the scheduler load the model and ping its runner."""

    kind: Literal["empty", "token"]
    state: Literal["pending", "done", "failed"]
    seconds: float
    """It took, or has been waited for."""
    tokens: int = 0
    problem: str = ""


class ServerSeen(msgspec.Struct, frozen=True, kw_only=True):
    answers: bool
    """`GET /` within its deadline."""
    problem: str = ""
    was_loaded: bool | None = None
    """Before this look asked for it; None also: nor was it at the look before."""
    loaded: bool | None = None
    gpu_share: float | None = None
    """Of the loaded model; None also: not loaded."""
    asked: Asked | None = None


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """What the container's processes did since the look before."""

    frozen: int = 0
    """So many are stopped by a signal (state T)."""
    lost: bool = False
    """The largest of them is gone: the model's runner."""
    cores: float | None = None
    """CPU seconds per second."""
    read_bytes: int = 0
    """From the disk: a model that is being loaded reads more than it computes."""


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    at: float
    engine_problem: str = ""
    """Why the engine does not answer; empty: it does."""
    held: str = ""
    """Another run holds the lock: who; empty: nobody does."""
    container: ContainerState | None = None
    """The committed one of the highest revision; None: there is none."""
    candidate: bool = False
    """There is one that is not proven."""
    age: float = 0.0
    """So long this very run of the container is known, seconds."""
    new_restarts: int = 0
    """Docker restarted it since the look before."""
    oom_kills: int = 0
    """The kernel's OOM killer chose since the look before, on the whole host."""
    server: ServerSeen | None = None
    """None: the container does not run, or is not to be asked."""
    work: Work = Work()
