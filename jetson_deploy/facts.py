"""Facts of a host, as data. Filled in by `detect/`, read by `plan/`, printed by the command `detect`.

Base units throughout: bytes, seconds. None means unknown; nothing here is ever guessed silently:
a value that was inferred carries an `assumed` flag beside it.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Medium = Literal["nvme", "emmc", "sd", "usb", "sata", "virtual", "network", "memory"]
"""What a filesystem lies on. eMMC and SD wear out and are slow; `virtual` is a VM's disk."""


Packaging = Literal["apt", "image", "nix"]
"""How software comes to a system: by apt, with the whole image (Yocto, balenaOS), from a configuration (NixOS)."""


class SystemFacts(msgspec.Struct, frozen=True, kw_only=True):
    id: str | None = None
    """ID of /etc/os-release: `ubuntu`, `nixos`, `balena-os` …"""
    name: str | None = None
    packaging: Packaging | None = None
    kernel: Literal["nvidia", "oe4t", "other"] | None = None
    """Whose: NVIDIA's own (`…-tegra`), OpenEmbedded's for Tegra (`…-l4t-r36.4-…`), another, such as mainline."""
    drive: bool = False
    """DRIVE OS, NVIDIA's system for vehicles: not a Jetson's."""


class BoardFacts(msgspec.Struct, frozen=True, kw_only=True):
    id: str | None = None
    """Catalog id, e.g. `orin-nano-8gb`."""
    name: str | None = None
    assumed: bool = False
    """True when the board is not listed and `id` is the nearest lower entry of the same family."""
    assumed_why: str | None = None
    model: str | None = None
    """Device-tree model string as read."""
    part_number: str | None = None
    """Module P-number, e.g. `p3767-0005`."""
    soc: str | None = None
    super_mode: bool | None = None
    """True when the device tree is a `-super` one: higher memory clock (Orin Nano/NX)."""


class MemoryFacts(msgspec.Struct, frozen=True, kw_only=True):
    """On a Jetson the GPU's memory is the system's: these are also what a model can use."""

    total_bytes: int | None = None
    available_bytes: int | None = None
    swap_total_bytes: int | None = None
    swap_free_bytes: int | None = None
    zram_bytes: int | None = None
    """Part of the swap that is compressed RAM: it cannot hold a model."""
    desktop_bytes: int | None = None
    """Resident memory of display server and desktop shell; 0 = none runs."""


class PowerFacts(msgspec.Struct, frozen=True, kw_only=True):
    mode_id: int | None = None
    mode: str | None = None
    """Name from nvpmodel.conf; ids differ between boards, names do not."""
    ceiling: str | None = None
    """The mode with the highest limit that this board's nvpmodel.conf offers."""
    at_ceiling: bool | None = None


class DiskFacts(msgspec.Struct, frozen=True, kw_only=True):
    mount: str
    device: str | None = None
    filesystem: str | None = None
    medium: Medium | None = None
    total_bytes: int | None = None
    free_bytes: int | None = None
    """Free to us (statvfs f_bavail)."""
    read_only: bool = False
    removable: bool | None = None
    """True for sticks and cards that the kernel calls removable: they can vanish under a running server."""


class ContainerFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A container of ours (it carries our labels), or one that has a name that we need."""

    id: str
    name: str
    state: str
    """created, running, restarting, exited, paused, dead"""
    image: str
    labels: dict[str, str] = {}
    restart_policy: str | None = None


class ImageFacts(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    references: tuple[str, ...]
    """RepoTags and RepoDigests together."""
    size_bytes: int | None = None


class NativeServer(msgspec.Struct, frozen=True, kw_only=True):
    """An Ollama that can run here without a container."""

    reference: str
    """What a record calls it, in the place of an image."""
    digest: str
    """`sha256:…` of the installed program, or of the archive."""
    version: str
    source: str
    """Path or address that it came from."""
    size_bytes: int | None
    """None: it has not been fetched."""
    kept: bool
    """Ready to be run; else it is staged first."""
    adopts: bool = False
    """It is what is installed on this host."""


class NativeFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the native runtime has to work with."""

    asked: bool = False
    """The user said that it is to be used."""
    alone: bool = False
    """No engine answers, and none has anything of the deployment."""
    place: str = ""
    """Directory of the servers that are kept."""
    servers: tuple[NativeServer, ...] = ()
    """A given file's first, then the installed one, then those that are kept."""
    problem: str = ""
    """Why it cannot be used here; empty: it can."""
    unprivileged: bool = False
    """Looked at by a user that writes no units and sees no other's processes."""
    service_port: int | None = None
    """Of an `ollama.service` that is here; None: there is none."""
    service_store: str | None = None


class EngineFacts(msgspec.Struct, frozen=True, kw_only=True):
    reachable: bool
    problem: str | None = None
    """Why not, when not: `absent`, `stopped`, `permission`, `hung`, or the engine's own text."""
    version: str | None = None
    runtimes: tuple[str, ...] = ()
    data_root: str | None = None
    containerd: str | None = None
    """Address of the containerd that keeps the images; None: the engine keeps them itself, below `data_root`."""
    image_root: str | None = None
    """Directory that images and their layers are below, links followed."""
    cgroup_driver: str | None = None
    cgroup_version: str | None = None
    storage_driver: str | None = None
    podman: bool = False
    """Podman answers on Docker's socket."""
    rootless: bool | None = None
    snap: bool | None = None
    architecture: str | None = None
    containers: tuple[ContainerFacts, ...] = ()
    images: tuple[ImageFacts, ...] = ()
    native: NativeFacts | None = None
    """What runs without the engine here; its instances are among the containers. None: not looked for."""


class PortFacts(msgspec.Struct, frozen=True, kw_only=True):
    port: int
    listening: bool | None = None
    address: str | None = None
    process: str | None = None
    """Name of the listening process, where we may read it."""
    pid: int | None = None
    container_id: str | None = None
    """Container that the listening process belongs to (from its cgroup), full id."""
    uid: int | None = None
    """User of the listening socket: read without root."""
    unit: str | None = None
    """systemd's unit that the listening process belongs to (from its cgroup)."""


class ModelFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A model found in the store: its manifest was read."""

    name: str
    manifest_digest: str
    """64 hex digits, as `ollama list` shows the first 12."""
    complete: bool
    """Every blob is the file that was hashed and found right."""
    missing_bytes: int = 0
    """Blobs that are absent or have another size than the manifest says."""
    size_bytes: int = 0
    header: dict[str, Any] | None = None
    """What the header of its GGUF file says (the fields of `GgufHeader`); None: not read, or `header_problem`."""
    header_problem: str = ""
    loaded_bytes: int = 0
    """Of the files that a server loads, where the header was read: weights, projector, adapter."""
    weights: str = ""
    """`sha256:…` of its one file of weights; empty: it has several, or a projector or an adapter beside it."""
    template: str = ""
    """`sha256:…` of its chat template (Go's text/template); empty: it has none."""
    parameters: str = ""
    """`sha256:…` of its stop words and sampling; empty: it has none."""


class StoreFacts(msgspec.Struct, frozen=True, kw_only=True):
    path: str
    exists: bool
    writable: bool | None = None
    disk: DiskFacts | None = None
    why: str = ""
    """Why this path: given, or which disk was preferred and why."""
    models: tuple[ModelFacts, ...] | None = None
    """None: not inspected (a captured root does not hold the store)."""
    pinned: tuple[ModelFacts, ...] | None = None
    """Models whose manifests are kept for deployments, apart from their tags. None: not inspected."""


class ClockFacts(msgspec.Struct, frozen=True, kw_only=True):
    epoch_seconds: float | None = None
    sane: bool | None = None
    """False when the clock is before this tool was built or after 2100: TLS will fail."""
    synchronised: bool | None = None


class HostFacts(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="jetson-deploy.facts/1"):
    root: str
    """Directory that everything was read under; `/` is the live host."""
    is_jetson: bool | None
    """False: a PC or another machine. None: signs of a Jetson, but nothing readable that proves it."""
    board: BoardFacts
    l4t: str | None
    """Normalised x.y.z, e.g. `36.4.3`."""
    l4t_assumed: str | None = None
    """Catalog release whose properties are used when `l4t` itself is not listed (same major only)."""
    l4t_source: str | None = None
    """File, package or kernel that `l4t` came from."""
    l4t_inferred: bool = False
    """True when only the kernel's name tells `l4t`."""
    l4t_given: bool = False
    """True when the user said it (`--l4t`), of a host that hides it."""
    jetpack: str | None = None
    jetpack_assumed: bool = False
    cuda_capability: str | None = None
    cuda_driver: str | None = None
    """CUDA version that the L4T's driver supports, from the catalog."""
    memory: MemoryFacts = MemoryFacts()
    power: PowerFacts = PowerFacts()
    disks: tuple[DiskFacts, ...] = ()
    store: StoreFacts | None = None
    engine: EngineFacts | None = None
    """None: not asked and not recorded."""
    port: PortFacts | None = None
    native_ollama: bool | None = None
    clock: ClockFacts = ClockFacts()
    kernel: str | None = None
    architecture: str | None = None
    architecture_contradicts: bool = False
    """The device tree is a Jetson's, and this machine's processor, or its system, is none of 64-bit ARM."""
    system: SystemFacts = SystemFacts()
    notes: tuple[str, ...] = ()
    """Oddities met while reading, one sentence each (damaged file, half-upgraded packages …)."""


class EngineAnswers(msgspec.Struct, frozen=True, kw_only=True):
    """Raw JSON answers of a Docker Engine, live or recorded in a captured root.

    The recorded form is `recorded/engine.json` with these very keys.
    """

    problem: str | None = None
    info: dict[str, Any] | None = None
    version: dict[str, Any] | None = None
    containers: list[dict[str, Any]] | None = None
    """GET /containers/json?all=1"""
    images: list[dict[str, Any]] | None = None
    """GET /images/json"""
