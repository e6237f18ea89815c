"""The shape of every catalog file. Unknown keys are refused; ids are the file's or the map's key.

| file | struct |
| --- | --- |
| `profiles/boards/<id>.yaml` | `Board` |
| `profiles/l4t/r<major>.yaml` | `L4tLine`, its `releases` map → `L4tRelease` |
| `profiles/models/<family>.yaml` | `ModelFamily`, its `sizes` map → `ModelSize` |
| `profiles/architectures.yaml` | map → `Architecture` |
| `profiles/limits.yaml` | map → `Constant` |
| `profiles/issues/<id>.yaml` | `Issue` (read only when a failure must be explained) |
| `profiles/alerts/<id>.yaml` | `alert_rules.AlertRule` (read by the monitor alone) |
| `containers/images/<repository>.yaml` | `ImageRepository`, its `tags` map → `ImageTag` |
| `containers/generations.yaml` | map → `Generation` |
| `containers/advisories.yaml` | map → `Advisory` |
| `containers/not-real.yaml` | map, reference → `NotReal` |

What stands below containers/ is in `image_entries.py`.
The file of a repository is named by its path with dashes, the registry cut at its first dot:
`ghcr.io/nvidia-ai-iot/ollama` → `ghcr-nvidia-ai-iot-ollama.yaml`.
Sizes are bytes unless the name says MiB; bandwidth is 10^9 bytes per second.

Annotations are objects here, not texts (`from __future__ import annotations`), which the decoder would evaluate at each
start: 3 ms.
"""

from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta

from jetson_deploy.catalog.probe import Probe

Positive = Annotated[int, Meta(gt=0)]
PositiveNumber = Annotated[float, Meta(gt=0)]
Version = Annotated[str, Meta(pattern=r"^[0-9]{1,6}(\.[0-9]{1,6}){0,3}\Z")]
Digest = Annotated[str, Meta(pattern=r"^sha256:[0-9a-f]{64}\Z")]
ManifestDigest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
Payload = Literal["jetpack5", "jetpack6", "cuda_v13"]
"""Directories of GPU code in Ollama's Linux arm64 builds (ollama/ollama Dockerfile)."""
Confidence = Literal["verified", "reported", "inferred"]
"""verified: read in a primary record; reported: a third party says so; inferred: deduced, see `note`."""


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every catalog entry carries: where it comes from and how far to trust it."""

    source: tuple[str, ...]
    confidence: Confidence
    note: str = ""


class Bandwidth(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    default: PositiveNumber
    super: PositiveNumber | None = None
    """With the `-super` device tree (Orin Nano and NX)."""


class Clocks(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The highest that a power mode allows."""

    gpu_mhz: Positive
    emc_mhz: Positive
    """Of the memory."""


class Board(Entry, frozen=True, kw_only=True):
    id: str
    name: str
    family: str
    """Boards that differ only in RAM or carrier: `orin-nano`, `agx-orin` …"""
    part_numbers: tuple[str, ...]
    soc: str
    compatible: tuple[str, ...]
    """Device-tree compatible strings, without a trailing `-super`."""
    models: tuple[str, ...] = ()
    """Texts of /proc/device-tree/model."""
    tnspec: str | None = None
    """Name inside TNSPEC of /etc/nv_boot_control.conf, where it names the board and not only its parts."""
    ram_gb: Positive
    """Marketed size: names the variant, is never used as memory."""
    mem_total_gib_from: int | None = None
    """Lowest rounded MemTotal (GiB) that means this RAM variant, where the part number does not tell."""
    mem_total_mib: tuple[int, ...] = ()
    """MemTotal values seen on real boards."""
    compute_capability: Version
    cuda_cores: Positive
    """From data sheets, inferred; only Thor (2560) and Orin NX (1024) were read. For people."""
    bandwidth_gbs: Bandwidth
    """Reported (jetfit 0.2.7, blogs)."""
    speed_factor: tuple[PositiveNumber, PositiveNumber] | None = None
    """Lowest and highest decode speed beside a board of the same bandwidth, where both were measured."""
    jetpack: tuple[str, ...]
    ollama_payloads: tuple[Payload, ...] = ()
    """GPU payloads of Ollama that hold code for this chip: jetpack5, jetpack6, cuda_v13. Empty: none."""
    power_modes: dict[str, dict[int, str]] = {}
    """Configuration name → nvpmodel id → name. For people: the live nvpmodel.conf decides."""
    clocks: dict[str, Clocks] = {}
    """Power mode, as nvpmodel names it but for a leading `MODE_` → its clocks, where a source gives them."""


class L4tRelease(Entry, frozen=True, kw_only=True):
    jetpack: str | None
    warnings: tuple[str, ...] = ()
    """What a user of this release must know, one sentence each."""


class L4tLine(Entry, frozen=True, kw_only=True):
    major: Positive
    jetpack: str
    ubuntu: str | None
    kernel: str | None
    cuda: dict[Version, Version]
    """Lowest `major.minor` → CUDA version that its driver supports."""
    socs: tuple[str, ...]
    compute_capabilities: tuple[Version, ...]
    ollama_payload: Payload | None
    """Payload of Ollama that fits this driver: jetpack5, jetpack6, cuda_v13; None: no GPU support exists."""
    jetson_jetpack: str | None = None
    """Value of JETSON_JETPACK that upstream's image needs on this line; None: leave it unset."""
    releases: dict[str, L4tRelease]
    """Key: `major.minor.patch`."""


class Blob(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    size: Positive | None
    digest: Digest | None


class ChatLayers(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of one manifest: what a server needs that cannot read them itself, before they are in the store."""

    manifest: ManifestDigest
    """Where `manifest_digest` is another one, they are not known."""
    template: Digest
    parameters: Digest | None = None


class ModelSize(Entry, frozen=True, kw_only=True):
    aliases: tuple[str, ...] = ()
    automatic: bool = False
    """May be chosen without being asked for by name."""
    parameters: Positive
    quantization: str
    download_bytes: Positive
    """Configuration and all layers."""
    model_layer: Blob
    config_digest: Digest | None = None
    manifest_digest: ManifestDigest | None = None
    """64 hex digits; None: not on record, then it is pinned at the first fetch."""
    older_manifest_digests: tuple[ManifestDigest, ...] = ()
    chat: ChatLayers | None = None
    architecture: str
    """As `general.architecture` of its file; one of `profiles/architectures.yaml`."""
    layers: Positive
    heads: Positive
    kv_heads: Positive
    head_dim: Positive
    embedding_length: Positive
    feed_forward_length: Positive
    vocabulary: Positive
    context_length: Positive
    kv_bytes_per_token_f16: Positive
    gpu_weight_bytes: Positive | None
    """Bytes read per generated token."""
    ollama_estimate_mib: dict[int, int] = {}
    """Context → Ollama's own estimate (≤ 0.12.3, parallel 1, f16): a check of our formula, not an input."""
    min_ollama: Version
    """Lowest Ollama that serves it right, tokenizer included."""
    min_ollama_why: str = ""
    license: str = ""
    hugging_face: str = ""
    base_model: str = ""


class ModelFamily(Entry, frozen=True, kw_only=True):
    family: str
    namespace: str = "library"
    title: str
    sizes: dict[str, ModelSize]


class Architecture(Entry, frozen=True, kw_only=True):
    min_ollama: Version
    """The oldest that knows its name."""
    writes_text: bool = True
    """False: it makes embeddings, or is part of another model."""


class Constant(Entry, frozen=True, kw_only=True):
    value: float
    unit: str


Severity = Literal["critical", "high", "medium", "low", "by-design"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
"""The worst first."""


Explains = Literal["gpu-unused", "cpu-serves", "gpu-lost", "memory-lost"]
"""gpu-unused: the server runs, on the CPU; cpu-serves: the same, and it is no fault where the CPU was accepted;
gpu-lost: a log line of a running server says that the GPU, or memory for it, is lost; memory-lost: as gpu-lost, and
a server on the CPU is hit by it too."""

SeenIn = Literal["log", "engine", "pull"]
"""log: the server's; engine: what the container engine answers; pull: what it says of a pull."""

OOM_KILLED = "oom-killer"
"""The issue of a container that the kernel killed for memory: the runtime reports that, no log line needs to."""


class Issue(Entry, frozen=True, kw_only=True):
    """A known field issue: how its log looks, how a host shows it, and what to do."""

    id: str
    title: str
    phase: Literal["preflight", "pull", "start", "serve", "security", "fleet"]
    severity: Literal["block", "degrade", "warn"]
    symptoms: tuple[str, ...]
    """Python regular expressions, matched ignoring case, any one of them."""
    also: tuple[str, ...] = ()
    """More of them, each of which must be somewhere in the text too."""
    kernel: tuple[str, ...] = ()
    """As `symptoms`, of the kernel's log."""
    seen_in: tuple[SeenIn, ...] = ()
    """Where a symptom is believed; empty: as the phase says (`symptoms.seen_in`)."""
    rank: Annotated[int, Meta(ge=1, le=999)] | None = None
    """Among the causes of one failure the lowest is believed first; None counts as 500.

    Below 500 it names one fault, from 700 a class of faults, from 900 what stands in many failures.
    """
    explains: tuple[Explains, ...] = ()
    """What it is a cause of."""
    probe: Probe | None = None
    """How a host shows it before a log does."""
    checks: tuple[str, ...] = ()
    """Ids of findings of preflight, proof and drift that see it: they are code, and it is the cause that they name."""
    refines: str = ""
    """Code of an error of ours that says less: where that one is raised and this issue fits, its advice is shown."""
    advice: str = ""
    """One line for a user of this tool; without it the first of `fix` is shown."""
    fix: tuple[str, ...]
    undo: str = ""
    """How the advice is taken back, in one line."""
    steps: tuple[str, ...] = ()
    """Ids of the host steps that mend it."""
    autofix: Literal["safe", "consent", "manual"] = "manual"
    """safe: may be done unasked; consent: only when asked for (root, restarts, deletes); manual: printed only."""
    affects: dict[str, str] = {}
    """What it is limited to: l4t, docker, images … → words. For people."""
