"""The decisions, each with its reason, and the steps: what `plan --json` prints and `up` carries out."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from jetson_deploy.deployment.finding import Finding
from jetson_deploy.spec import ContainerSpec


class RejectedImage(msgspec.Struct, frozen=True, kw_only=True):
    reference: str
    reason: str


class ImageChoice(msgspec.Struct, frozen=True, kw_only=True):
    reference: str
    """What is pulled: repository:tag@digest, or repository:tag while no digest is on record."""
    digest: str | None
    reason: str
    ollama_version: str | None
    """Version inside, where known."""
    ollama_reported: str | None
    """What its /api/version answers, where known (some builds say 0.0.0)."""
    generation: str | None
    size_bytes: int | None
    disk_bytes: int | None
    advisories: tuple[str, ...]
    architecture: str
    """Empty: whatever it is, it ran here before."""
    jetson_jetpack: bool
    """Upstream's image: it cannot see the host's L4T, which must be passed to it."""
    rejected: tuple[RejectedImage, ...]
    assumed_bytes: int | None = None
    """What it counts as on the disk in place of `size_bytes`, where that is not on record."""


class RejectedModel(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    reason: str
    need_bytes: int


class Speed(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens per second while decoding. Predicted from bandwidth; never measured."""

    low: float
    high: float
    predicted: bool = True

    @property
    def middle(self) -> float:
        return (self.low + self.high) / 2


class ModelChoice(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    reason: str
    manifest_digest: str | None
    """64 hex digits; None: not on record, pinned at the first fetch."""
    download_bytes: int
    context_tokens: int
    context_limit_tokens: int
    """Largest context that would fit now."""
    parallel: int
    kv_cache_type: str
    need_bytes: int
    available_bytes: int
    """MemAvailable minus the reserve."""
    terms: dict[str, int]
    """Every term of `need_bytes`, plus `reserve` and `ollama_estimate` for comparison."""
    predicted_tokens_per_second: Speed | None
    """Of a short talk; a long one reads its KV cache too."""
    rejected: tuple[RejectedModel, ...]
    predicted_when_full: Speed | None = None
    """With the whole context in use."""
    gpu_floor_tokens_per_second: float | None = None
    """Slower than this, in the power mode of now, the GPU is hardly used; None: not known."""
    context_cut_from: int | None = None
    """The usual context, where less was taken because it does not fit."""
    assumed: bool = False
    """No catalog lists it: what is said of it is reckoned from the header of its file."""


class Gates(msgspec.Struct, frozen=True, kw_only=True):
    """What the proof demands."""

    min_gpu_share: float
    """size_vram / size of /api/ps."""
    accept_cpu: bool
    floor_tokens_per_second: float | None
    """Below it the deployment fails; None: no prediction, nothing judged."""
    expect_version: str | None
    expect_manifest_digest: str | None
    stability_seconds: float = 0.0
    """A proven server is observed for so long before it replaces the old one."""


class Step(msgspec.Struct, frozen=True, kw_only=True, tag_field="do"):
    """One idempotent change."""


class StageImage(Step, frozen=True, kw_only=True, tag="stage-image"):
    reference: str
    size_bytes: int | None


class StageModel(Step, frozen=True, kw_only=True, tag="stage-model"):
    name: str
    registry: str
    store: str
    manifest_digest: str | None
    download_bytes: int


class PinModel(Step, frozen=True, kw_only=True, tag="pin-model"):
    """Keep the manifest where the tag cannot be moved away under the deployment."""

    name: str
    store: str
    manifest_digest: str | None


class RemoveContainer(Step, frozen=True, kw_only=True, tag="remove-container"):
    container: str
    why: str


class CreateContainer(Step, frozen=True, kw_only=True, tag="create-container"):
    container: str
    spec: ContainerSpec


class StopContainer(Step, frozen=True, kw_only=True, tag="stop-container"):
    container: str
    why: str


class StartContainer(Step, frozen=True, kw_only=True, tag="start-container"):
    container: str


class Prove(Step, frozen=True, kw_only=True, tag="prove"):
    container: str
    gates: Gates


class TrySpeculation(Step, frozen=True, kw_only=True, tag="try-speculation"):
    """Measure the candidate, measure it again with speculation turned on, and leave on what pays."""

    container: str
    gates: Gates
    off: ContainerSpec
    on: ContainerSpec


class Settle(Step, frozen=True, kw_only=True, tag="settle"):
    """Observe the proven server for a while before the old one is stopped."""

    container: str
    seconds: float


class SetRestart(Step, frozen=True, kw_only=True, tag="set-restart"):
    """What the engine does with the container when it starts itself. `always` on a candidate is the commit."""

    container: str
    policy: Literal["always", "no"]
    why: str


class RenameContainer(Step, frozen=True, kw_only=True, tag="rename-container"):
    container: str
    name: str


class Remember(Step, frozen=True, kw_only=True, tag="remember"):
    """Write into the state file: before the cutover what is intended, after it what serves."""

    what: Literal["intent", "proof", "revision", "undone"]
    container: str


class Collect(Step, frozen=True, kw_only=True, tag="collect"):
    """Remove downloaded images and models that neither the serving revision nor the one before needs."""

    keep: tuple[str, ...]
    """Containers that stay."""


AnyStep: TypeAlias = (
    StageImage
    | StageModel
    | PinModel
    | RemoveContainer
    | Remember
    | CreateContainer
    | StopContainer
    | StartContainer
    | Prove
    | TrySpeculation
    | Settle
    | SetRestart
    | RenameContainer
    | Collect
)


class Plan(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="jetson-deploy.plan/1"):
    deployment: str
    board: str | None
    l4t: str | None
    image: ImageChoice
    model: ModelChoice
    store: str
    endpoint: str
    accept_cpu: bool
    container: str
    """Name of the container that serves after `up`."""
    spec: ContainerSpec
    gates: Gates
    warnings: tuple[str, ...]
    assumptions: tuple[str, ...]
    steps: tuple[AnyStep, ...]
    """Empty: the host is already as requested."""
    sources: dict[str, str] = {}
    """What was asked for → where that was said: `--port`, a variable, `jetson-deploy.yaml:7`, deployed, default."""
    findings: tuple[Finding, ...] = ()
    """Warnings and assumptions again, each with its id, for programs."""
