"""The model's side: container, server, models. Base units, see `sample.py`."""

from __future__ import annotations

from typing import Literal

from jetson_deploy.monitor.part import Part


class Container(Part, frozen=True, kw_only=True):
    name: str
    state: str
    """The engine's word: running, exited, restarting, paused …"""
    cpu_seconds: float | None = None
    memory_bytes: int | None = None
    """As its cgroup counts: a lower bound, for what the GPU maps may not be in it."""
    restarts: int | None = None
    oom_killed: bool | None = None
    exit_code: int | None = None
    started_at: str | None = None


class Requests(Part, frozen=True, kw_only=True):
    """Answered since the monitor's start."""

    path: str
    code: int
    count: int


class Server(Part, frozen=True, kw_only=True):
    """The server of the model."""

    up: bool
    """It answers."""
    kind: str = "ollama"
    """As in `server_kinds.py`."""
    endpoint: str
    version: str | None = None
    in_flight: int | None = None
    queued: int | None = None
    requests: tuple[Requests, ...] = ()
    request_seconds: float | None = None
    """Sum over the answered requests."""
    first_token_seconds: float | None = None
    """Of the last request that was seen through the tap."""
    first_token_seconds_total: float | None = None
    first_tokens: int | None = None
    """How many first tokens that sum holds."""
    answers_broken: int | None = None
    """Answers seen by the tap that the server left without their end: its runner died. None: no tap."""
    tokens_from: Literal["log", "llama-server", "tap"] | None = None
    """Where tokens are counted; None: nowhere (Ollama below 0.30 says nothing itself: use the tap)."""
    decoding: bool | None = None
    """A token came, or was being made, in this look; None: cannot be seen."""


class Model(Part, frozen=True, kw_only=True):
    """A model in the server's memory, and what was counted of it since the monitor's start."""

    name: str
    loaded: bool = True
    family: str | None = None
    quantization: str | None = None
    size_bytes: int | None = None
    gpu_bytes: int | None = None
    context_tokens: int | None = None
    """For one request."""
    context_used_tokens: int | None = None
    """Of the last or the running request."""
    prompt_tokens: int = 0
    prompt_seconds: float = 0.0
    decode_tokens: int = 0
    decode_seconds: float = 0.0
    last_prompt_rate: float | None = None
    last_decode_rate: float | None = None
    """Tokens per second of the last finished request."""

    @property
    def gpu_share(self) -> float | None:
        if not self.size_bytes or self.gpu_bytes is None:
            return None
        return min(1.0, self.gpu_bytes / self.size_bytes)


class Deployment(Part, frozen=True, kw_only=True):
    """What was promised, from the container's labels."""

    name: str
    model: str | None = None
    accept_cpu: bool = False
    simulated: str | None = None
    context_tokens: int | None = None
    parallel: int | None = None


class DoorKey(Part, frozen=True, kw_only=True):
    """What the client of one key asked since HAProxy read its configuration last; a key that was not used has none."""

    name: str
    requests: int
    in_flight: int
    """Waiting ones included."""
    received_bytes: int
    sent_bytes: int


class Door(Part, frozen=True, kw_only=True):
    """HAProxy before the deployment, see `jetson_deploy/expose`."""

    listens: str
    """ADDRESS:PORT"""
    up: bool | None
    """HAProxy answers on its own socket. None: this user may not ask it."""
    certificate_ends: float
    """Seconds since 1970."""
    keys: tuple[DoorKey, ...] = ()


class Llm(Part, frozen=True, kw_only=True):
    """The model's side. `None`: there is nothing of ours, or it cannot be seen (see the sample's failures)."""

    deployment: Deployment | None = None
    container: Container | None = None
    server: Server | None = None
    models: tuple[Model, ...] = ()
    door: Door | None = None
    """None: the deployment is not on a network, or its door cannot be seen."""
