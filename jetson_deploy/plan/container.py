"""What the container is given. Every value that is not obvious names its reason."""

from __future__ import annotations

import msgspec

from jetson_deploy import __version__
from jetson_deploy.catalog.entries import L4tLine
from jetson_deploy.deployment.plan import ImageChoice, ModelChoice
from jetson_deploy.deployment.record import Record, stamped
from jetson_deploy.deployment.request import Wanted
from jetson_deploy.endpoint import local_endpoint
from jetson_deploy.spec import ContainerSpec, HealthCheck, MountSpec

LEAST_OLLAMA = "0.5.13"
"""The first that reads OLLAMA_CONTEXT_LENGTH (docs/ollama-behaviour.md); an older one always serves 2048 tokens."""
STORE_IN_CONTAINER = "/models"
MANIFESTS_IN_CONTAINER = f"{STORE_IN_CONTAINER}/manifests"
HOME_IN_CONTAINER = "/home/ollama"
PINNED = ".jetson-deploy/pinned"
"""Below the store (store/layout.py `StorePaths.pinned`): one tree of manifests for each digest."""


def container_spec(
    wanted: Wanted,
    image: ImageChoice,
    model: ModelChoice,
    store: str,
    line: L4tLine | None,
    revision: int,
    free: int,
) -> ContainerSpec:
    """The spec of one deployment. Its label `spec-hash` covers everything that changes what serves."""
    record = Record(
        name=wanted.name,
        image=image.reference,
        image_policy=wanted.image_policy,
        model=model.name,
        manifest_digest=model.manifest_digest,
        context_tokens=model.context_tokens,
        parallel=model.parallel,
        kv_cache_type=model.kv_cache_type,
        accept_cpu=wanted.accept_cpu,
        store=store,
        port=wanted.port,
        simulated=wanted.simulated,
        asked_gpu_share=wanted.min_gpu_share,
        asked_floor=wanted.min_tokens_per_second,
        revision=revision,
        need_bytes=model.need_bytes,
        free_bytes_before=free,
        version=__version__,
    )
    return stamped(_bare(wanted, image, model, store, line), record)


def repinned(spec: ContainerSpec, image: str, model_digest: str) -> ContainerSpec:
    """The same spec with an image reference and a manifest digest that were not known when it was made."""
    digest = model_digest or None
    record = msgspec.structs.replace(Record.read(spec.labels), image=image, manifest_digest=digest)
    return stamped(msgspec.structs.replace(spec, image=image, mounts=_mounts(record.store, digest)), record)


def _mounts(store: str, manifest_digest: str | None) -> tuple[MountSpec, ...]:
    """The store, and over its manifests the one that was pinned: a tag that is moved, fetched anew or removed in
    the store changes nothing for what serves, and two revisions of one tag stay apart."""
    whole = MountSpec(source=store, target=STORE_IN_CONTAINER, read_only=True)
    if manifest_digest is None:
        return (whole,)
    pinned = MountSpec(source=f"{store}/{PINNED}/{manifest_digest}", target=MANIFESTS_IN_CONTAINER, read_only=True)
    return (whole, pinned)


def _bare(wanted: Wanted, image: ImageChoice, model: ModelChoice, store: str, line: L4tLine | None) -> ContainerSpec:
    return ContainerSpec(
        image=image.reference,
        # The images' own CMD exits without a TTY or hides a dead server (ARCHITECTURE decision 1).
        entrypoint=("ollama",),
        command=("serve",),
        environment=_environment(wanted, image, model, line),
        mounts=_mounts(store, model.manifest_digest),
        # The server needs a writable HOME for its key; some images link /root/.ollama to a missing mount.
        tmpfs={HOME_IN_CONTAINER: "rw,nosuid,nodev,size=64m,mode=0700"},
        # --gpus is refused by the csv mode of Jetson's container toolkit.
        runtime="nvidia",
        # Published ports need iptable_raw on Docker 28, which JetPack 6 kernels lack (moby#49557).
        network="host",
        # `unless-stopped` does not come back after the engine was killed; measured on 20.10.
        restart="always",
        init=True,
        cap_drop=("ALL",),
        security_opt=("no-new-privileges:true",),
        pids_limit=1024,
        # Die before sshd and dockerd do.
        oom_score_adj=500,
        log_driver="local",
        log_options={"max-size": "10m", "max-file": "5"},
        health=HealthCheck(
            command=("ollama", "list"),
            interval_seconds=60,
            timeout_seconds=20,
            start_period_seconds=120,
            retries=3,
        ),
        stop_seconds=30,
        labels={},
    )


def _environment(wanted: Wanted, image: ImageChoice, model: ModelChoice, line: L4tLine | None) -> dict[str, str]:
    environment = {
        "HOME": HOME_IN_CONTAINER,
        "NVIDIA_VISIBLE_DEVICES": "all",
        # Not `graphics`: its symlink hook fails with container toolkit 1.17.x (nvidia-container-toolkit#795).
        "NVIDIA_DRIVER_CAPABILITIES": "compute,utility",
        "OLLAMA_HOST": local_endpoint(wanted.port).address,
        "OLLAMA_MODELS": STORE_IN_CONTAINER,
        "OLLAMA_NOPRUNE": "1",
        # Server defaults follow VRAM: 262144 tokens on a 64 GB board since 0.15.5.
        "OLLAMA_CONTEXT_LENGTH": str(model.context_tokens),
        "OLLAMA_NUM_PARALLEL": str(model.parallel),
        "OLLAMA_MAX_LOADED_MODELS": "1",
        "OLLAMA_KEEP_ALIVE": "-1",
        "OLLAMA_FLASH_ATTENTION": "1",
        # Weights are read from eMMC or SD at well under 100 MB/s on some boards.
        "OLLAMA_LOAD_TIMEOUT": "15m",
        "OLLAMA_NO_CLOUD": "1",
    }
    if model.kv_cache_type != "f16":
        environment["OLLAMA_KV_CACHE_TYPE"] = model.kv_cache_type
    if image.jetson_jetpack and line is not None and line.jetson_jetpack:
        environment["JETSON_JETPACK"] = line.jetson_jetpack
    return environment
