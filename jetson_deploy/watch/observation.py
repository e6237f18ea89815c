"""One observation of a deployment, as data. Times are monotonic seconds; None: not known, or not asked."""

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
    rubbish: str = ""
    """Why no working model gives this answer; empty: one may, or it is too short to tell."""


class ServerObservation(msgspec.Struct, frozen=True, kw_only=True):
    answers: bool
    """`GET /` within its deadline."""
    problem: str = ""
    was_loaded: bool | None = None
    """Before this observation asked for it; None also: nor was it at the one before."""
    loaded: bool | None = None
    gpu_share: float | None = None
    """Of the loaded model; None also: not loaded."""
    asked: Asked | None = None
    doubted: bool = False
    """Its last real answer was rubbish, and this observation asked for none."""


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """The work of the container's processes since the observation before."""

    frozen: int = 0
    """So many are stopped by a signal (state T)."""
    lost: bool = False
    """The largest of them is gone: the model's runner."""
    cores: float | None = None
    """CPU seconds per second."""
    read_bytes: int = 0
    """From the disk: a model that is being loaded reads more than it computes."""


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    at: float
    engine_problem: str = ""
    """Why the engine does not answer; empty: it does."""
    held: str = ""
    """The run that holds the lock; empty: none."""
    container: ContainerState | None = None
    """The committed one of the highest revision; None: there is none."""
    candidate: bool = False
    """There is one that is not proven."""
    age: float = 0.0
    """So long this very run of the container is known, seconds."""
    new_restarts: int = 0
    """Restarts by Docker since the observation before."""
    oom_kills: int = 0
    """Processes that the kernel's OOM killer ended since the observation before, on the whole host."""
    missing_mount: str = ""
    """A mount point of fstab that is not mounted although the model's store lies below it; empty: none."""
    server: ServerObservation | None = None
    """None: the container does not run, or is not to be asked."""
    work: Work = Work()
