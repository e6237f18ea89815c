"""Settings of an Ollama server's container. Every value that is not obvious names its reason."""

from __future__ import annotations

from jetson_deploy.server.ollama.flash import has_flash_attention
from jetson_deploy.server.ollama.prompts import keeps_prompts, prompt_bounds
from jetson_deploy.server.workload import Setup, Workload
from jetson_deploy.spec import HealthCheck, MountSpec

LEAST_VERSION = "0.5.13"
"""The first that reads OLLAMA_CONTEXT_LENGTH (docs/ollama-behaviour.md); an older one always serves 2048 tokens."""
STORE = "/models"
MANIFESTS = f"{STORE}/manifests"
HOME = "/home/ollama"
"""For its key; some images link /root/.ollama to a missing mount."""
PINNED = ".jetson-deploy/pinned"
"""Below the store (store/layout.py `StorePaths.pinned`): one tree of manifests for each digest."""


def set_up(work: Workload) -> Setup:
    return Setup(
        # The images' own CMD exits without a TTY or hides a dead server (ARCHITECTURE decision 1).
        entrypoint=("ollama",),
        command=("serve",),
        home=HOME,
        environment=_environment(work),
        mounts=mounts(work.store, work.manifest_digest),
        health=HealthCheck(
            command=("ollama", "list"),
            interval_seconds=60,
            timeout_seconds=20,
            start_period_seconds=120,
            retries=3,
        ),
    )


def mounts(store: str, manifest_digest: str | None) -> tuple[MountSpec, ...]:
    """The store, and over its manifests the one that was pinned: a tag that is moved, fetched anew or removed in
    the store changes nothing for what serves, and two revisions of one tag stay apart."""
    whole = MountSpec(source=store, target=STORE, read_only=True)
    if manifest_digest is None:
        return (whole,)
    pinned = MountSpec(source=f"{store}/{PINNED}/{manifest_digest}", target=MANIFESTS, read_only=True)
    return (whole, pinned)


def _environment(work: Workload) -> dict[str, str]:
    environment = {
        "OLLAMA_HOST": work.endpoint.address,
        "OLLAMA_MODELS": STORE,
        "OLLAMA_NOPRUNE": "1",
        # Server defaults follow VRAM: 262144 tokens on a 64 GB board since 0.15.5.
        "OLLAMA_CONTEXT_LENGTH": str(work.context_tokens),
        "OLLAMA_NUM_PARALLEL": str(work.parallel),
        "OLLAMA_MAX_LOADED_MODELS": "1",
        "OLLAMA_KEEP_ALIVE": "-1",
        **({"OLLAMA_FLASH_ATTENTION": "1"} if has_flash_attention(work.compute_capability) else {}),
        # Weights are read from eMMC or SD at well under 100 MB/s on some boards.
        "OLLAMA_LOAD_TIMEOUT": "15m",
        "OLLAMA_NO_CLOUD": "1",
    }
    if work.kv_cache_type != "f16":
        environment["OLLAMA_KV_CACHE_TYPE"] = work.kv_cache_type
    if keeps_prompts(work.version):
        environment |= prompt_bounds(work.prompt_cache_bytes)
        # It keeps 1 GiB free unasked, and layers on the CPU for it; the plan's reserve is the margin.
        environment["LLAMA_ARG_FIT_TARGET"] = str(work.reserve_bytes >> 20)
    return environment
