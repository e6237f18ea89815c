"""Settings of the container, for any server in it. Every value that is not obvious names its reason."""

from __future__ import annotations

import msgspec

from jetson_deploy import __version__
from jetson_deploy.catalog.entries import L4tLine
from jetson_deploy.deployment.options import OPTIONS
from jetson_deploy.deployment.plan import ImageChoice, ModelChoice
from jetson_deploy.deployment.record import FURTHER, Record, stamped
from jetson_deploy.deployment.request import Wanted
from jetson_deploy.endpoint import local_endpoint
from jetson_deploy.names import is_native
from jetson_deploy.plan.memory import PROMPT_CACHE
from jetson_deploy.server.port import Server
from jetson_deploy.server.workload import Layers, Workload
from jetson_deploy.server_kinds import stop_seconds
from jetson_deploy.spec import ContainerSpec


def container_spec(
    server: Server,
    wanted: Wanted,
    image: ImageChoice,
    model: ModelChoice,
    layers: Layers,
    store: str,
    line: L4tLine | None,
    revision: int,
    free: int,
    compute_capability: str | None,
    *,
    speculating: bool = False,
) -> ContainerSpec:
    """The spec of one deployment. Its label `spec-hash` covers everything that changes what serves.

    `speculating`: with the speculation that was asked for turned on; that makes no other deployment.
    """
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
        server=wanted.server,
        # What is the default has no label: the labels of older versions have none.
        further={
            label: value
            for label, row in FURTHER.items()
            if (value := getattr(wanted, row.field)) not in (None, row.option.default)
        },
    )
    bare = _bare(server, wanted, image, model, layers, store, line, compute_capability, speculating)
    return stamped(bare, record, server.not_identifying)


def repinned(server: Server, spec: ContainerSpec, image: str, model_digest: str) -> ContainerSpec:
    """The same spec with an image reference and a manifest digest that were not known when it was made."""
    digest = model_digest or None
    record = msgspec.structs.replace(Record.read(spec.labels), image=image, manifest_digest=digest)
    mounts = server.mounts(record.store, digest)
    return stamped(msgspec.structs.replace(spec, image=image, mounts=mounts), record, server.not_identifying)


def _bare(
    server: Server,
    wanted: Wanted,
    image: ImageChoice,
    model: ModelChoice,
    layers: Layers,
    store: str,
    line: L4tLine | None,
    compute_capability: str | None,
    speculating: bool,
) -> ContainerSpec:
    setup = server.set_up(
        Workload(
            endpoint=local_endpoint(wanted.port),
            store=store,
            model=model.name,
            weights=layers.weights,
            template=layers.template,
            parameters=layers.parameters,
            manifest_digest=model.manifest_digest,
            context_tokens=model.context_tokens,
            parallel=model.parallel,
            kv_cache_type=model.kv_cache_type,
            version=image.ollama_version,
            compute_capability=compute_capability,
            prompt_cache_bytes=model.terms.get(PROMPT_CACHE, 0),
            speculation=wanted.speculate,
            speculating=speculating,
            reserve_bytes=model.terms["reserve"],
            options={row.key: getattr(wanted, row.field) for row in OPTIONS.values() if row.option.of_server},
        )
    )
    native = is_native(image.reference)
    return ContainerSpec(
        image=image.reference,
        entrypoint=setup.entrypoint,
        command=setup.command,
        environment={"HOME": setup.home, **setup.environment}
        if native
        else _environment(setup.home, setup.environment, image, line),
        mounts=setup.mounts,
        # No image's HOME can be relied on to be writable.
        tmpfs={setup.home: "rw,nosuid,nodev,size=64m,mode=0700"},
        # --gpus is refused by the csv mode of Jetson's container toolkit.
        runtime=None if native else "nvidia",
        # Published ports need iptable_raw on Docker 28, which JetPack 6 kernels lack (moby#49557).
        network="host",
        # `unless-stopped` does not come back after the engine was killed; measured on 20.10.
        restart="always",
        init=not native,
        cap_drop=("ALL",),
        security_opt=("no-new-privileges:true",),
        pids_limit=1024,
        # Die before sshd and dockerd do.
        oom_score_adj=500,
        log_driver="journald" if native else "local",
        log_options={} if native else {"max-size": "10m", "max-file": "5"},
        health=setup.health,
        stop_seconds=stop_seconds(wanted.server),
        labels={},
    )


def _environment(home: str, of_server: dict[str, str], image: ImageChoice, line: L4tLine | None) -> dict[str, str]:
    """In this order: a container's label `spec` keeps it."""
    environment = {
        "HOME": home,
        "NVIDIA_VISIBLE_DEVICES": "all",
        # Not `graphics`: its symlink hook fails with container toolkit 1.17.x (nvidia-container-toolkit#795).
        "NVIDIA_DRIVER_CAPABILITIES": "compute,utility",
        **of_server,
    }
    if image.jetson_jetpack and line is not None and line.jetson_jetpack:
        environment["JETSON_JETPACK"] = line.jetson_jetpack
    return environment
