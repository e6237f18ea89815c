"""The shape of every catalog file. Unknown keys are refused; ids are the file's or the map's key.

| file | struct |
| --- | --- |
| `profiles/boards/<id>.yaml` | `Board` |
| `profiles/l4t/r<major>.yaml` | `L4tLine`, its `releases` map → `L4tRelease` |
| `profiles/models/<family>.yaml` | `ModelFamily`, its `sizes` map → `ModelSize` |
| `profiles/limits.yaml` | map → `Constant` |
| `profiles/issues/<id>.yaml` | `Issue` (read only when a failure must be explained) |
| `containers/images/<repository>.yaml` | `ImageRepository`, its `tags` map → `ImageTag` |
| `containers/generations.yaml` | map → `Generation` |
| `containers/advisories.yaml` | map → `Advisory` |

Sizes are bytes unless the name says MiB; bandwidth is 10^9 bytes per second.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Confidence = Literal["verified", "reported", "inferred"]
"""verified: read in a primary record; reported: somebody says so; inferred: deduced, see `note`."""


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every catalog entry carries: where it comes from and how far to trust it."""

    source: tuple[str, ...]
    confidence: Confidence
    note: str = ""


class Bandwidth(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    default: float
    super: float | None = None
    """With the `-super` device tree (Orin Nano and NX)."""


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
    ram_gb: int
    """Marketed size: names the variant, is never used as memory."""
    mem_total_gib_from: int | None = None
    """Lowest rounded MemTotal (GiB) that means this RAM variant, where the part number does not tell."""
    mem_total_mib: tuple[int, ...] = ()
    """MemTotal values seen on real boards."""
    compute_capability: str
    cuda_cores: int
    bandwidth_gbs: Bandwidth
    jetpack: tuple[str, ...]
    ollama_payloads: tuple[str, ...] = ()
    """GPU payloads of Ollama that hold code for this chip: jetpack5, jetpack6, cuda_v13. Empty: none."""
    power_modes: dict[str, dict[int, str]] = {}
    """Configuration name → nvpmodel id → name. For people: the live nvpmodel.conf decides."""


class L4tRelease(Entry, frozen=True, kw_only=True):
    jetpack: str | None
    warnings: tuple[str, ...] = ()
    """What a user of this release must know, one sentence each."""


class L4tLine(Entry, frozen=True, kw_only=True):
    major: int
    jetpack: str
    ubuntu: str
    kernel: str
    cuda: dict[str, str]
    """Lowest `major.minor` → CUDA version that its driver supports."""
    socs: tuple[str, ...]
    compute_capabilities: tuple[str, ...]
    ollama_payload: str | None
    """Payload of Ollama that fits this driver: jetpack5, jetpack6, cuda_v13; None: no GPU support exists."""
    jetson_jetpack: str | None = None
    """Value of JETSON_JETPACK that upstream's image needs on this line; None: leave it unset."""
    releases: dict[str, L4tRelease]


class Blob(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    size: int | None
    digest: str | None


class ModelSize(Entry, frozen=True, kw_only=True):
    aliases: tuple[str, ...] = ()
    automatic: bool = False
    """May be chosen without being asked for by name."""
    parameters: int
    quantization: str
    download_bytes: int
    model_layer: Blob
    config_digest: str | None = None
    manifest_digest: str | None = None
    """64 hex digits; None: not on record, then it is pinned at the first fetch."""
    older_manifest_digests: tuple[str, ...] = ()
    architecture: Literal["qwen2", "qwen3", "llama", "deepseek2"]
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    embedding_length: int
    feed_forward_length: int
    vocabulary: int
    context_length: int
    kv_bytes_per_token_f16: int
    gpu_weight_bytes: int | None
    """Bytes read per generated token."""
    ollama_estimate_mib: dict[int, int] = {}
    """Context → Ollama's own estimate (≤ 0.12.3, parallel 1, f16): a check of our formula, not an input."""
    min_ollama: str
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


class Constant(Entry, frozen=True, kw_only=True):
    value: float
    unit: str


class L4tRange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Half-open: from ≤ host < below, compared by number."""

    from_: str = msgspec.field(name="from")
    below: str


class OllamaVersion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The Ollama inside an image. `version` when known, else bounds; both may be None."""

    version: str | None = None
    at_least: str | None = None
    at_most: str | None = None
    reported: str | None = None
    """What /api/version says where it differs, e.g. `0.0.0`."""
    confidence: Confidence = "inferred"
    why: str = ""


class KnownBad(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A recorded failure of a tag. Without a condition it holds for every host."""

    why: str
    l4t: tuple[L4tRange, ...] = ()
    max_ram_gb: int | None = None
    """Holds on boards with at most this much RAM."""
    rejects: bool = True
    """False: the tag is only ranked behind others of its repository."""
    source: tuple[str, ...] = ()


class ImageTag(Entry, frozen=True, kw_only=True):
    digest: str | None
    """`sha256:…` of the manifest (list); None: not on record, then resolved once and pinned."""
    size_bytes: int | None
    """Compressed, as pulled."""
    disk_bytes: int | None = None
    l4t: tuple[L4tRange, ...]
    payloads: tuple[str, ...]
    """GPU payloads inside: jetpack5, jetpack6, cuda_v13."""
    cuda: str | None
    ubuntu: str | None
    generation: str
    ollama: OllamaVersion
    pushed: str | None = None
    moving: bool = False
    """The tag has been pushed again under the same name: trust the digest only."""
    known: tuple[str, ...] = ()
    bad: tuple[KnownBad, ...] = ()


class ImageRepository(Entry, frozen=True, kw_only=True):
    repository: str
    """As written after `docker pull`, e.g. `dustynv/ollama`, `ghcr.io/nvidia-ai-iot/ollama`."""
    rank: int
    """Order in which repositories are tried; lowest first (DESIGN decision 5)."""
    architecture: str = "arm64"
    jetson_jetpack: bool = False
    """Needs the line's JETSON_JETPACK in its environment."""
    tags: dict[str, ImageTag]


class Generation(Entry, frozen=True, kw_only=True):
    """How an image behaves, by its Dockerfile's era."""

    command: str
    entrypoint: str | None
    ollama_path: str
    model_store: str
    exits_without_tty: bool
    environment: dict[str, str] = {}
    traps: tuple[str, ...] = ()
    built: tuple[str, str | None] | None = None


class Advisory(Entry, frozen=True, kw_only=True):
    title: str
    fixed_in: str | None
    """First fixed Ollama; None: no fix is known."""
    affects_from: str | None = None
    severity: Literal["critical", "high", "medium", "low", "by-design"] = "medium"


class Issue(Entry, frozen=True, kw_only=True):
    """A known field issue: how its log looks, and what to do."""

    id: str
    title: str
    phase: str
    severity: str
    symptoms: tuple[str, ...]
    """Python regular expressions, matched ignoring case."""
    fix: tuple[str, ...]
    autofix: str = "manual"
