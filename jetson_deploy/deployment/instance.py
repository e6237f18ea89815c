"""Our containers among the facts: which one is the deployment, and what an interrupted run left behind.

Names carry the state: `jd-<name>-<revision>` is committed, `…-candidate` is not proven yet. Labels carry
the identity (ARCHITECTURE decision 9).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

import msgspec

from jetson_deploy.deployment.request import Wanted
from jetson_deploy.facts import ContainerFacts, EngineFacts

LABEL = "io.jetson-deploy."
CANDIDATE = "-candidate"
CPU_ACCEPTED = "a CPU-only server was accepted for this deployment (--accept-cpu)"


class Labelled(Protocol):
    """A container as any of our views of the engine lists it."""

    @property
    def name(self) -> str: ...

    @property
    def labels(self) -> dict[str, str]: ...


Container = TypeVar("Container", bound=Labelled)


class Serving(msgspec.Struct, frozen=True, kw_only=True):
    """The committed deployment, read back from its labels."""

    container: str
    container_id: str
    state: str
    """As of `ContainerFacts`."""
    revision: int
    spec_hash: str
    model: str
    manifest_digest: str | None
    image: str
    store: str
    port: int
    context_tokens: int
    parallel: int
    kv_cache_type: str
    accept_cpu: bool
    image_policy: str
    need_bytes: int
    free_bytes_before: int
    """MemAvailable before it was started."""
    simulated: str | None
    asked_gpu_share: float | None = None
    """Gate that somebody asked for; None: the usual one."""
    asked_floor: float | None = None
    """As asked_gpu_share, in tokens per second."""

    @property
    def running(self) -> bool:
        return self.state == "running"

    @property
    def occupies(self) -> bool:
        """It holds the port and the memory, or will again in a moment."""
        return self.state in ("running", "restarting", "paused")

    @property
    def sound(self) -> bool:
        """It serves, or may when it is started; one that restarts again and again does not."""
        return self.state in ("running", "exited", "created")

    def same_model(self, name: str, request: Wanted) -> bool:
        return (
            self.running
            and self.model == name
            and self.parallel == request.parallel
            and self.kv_cache_type == request.kv_cache_type
            and request.context_tokens in (None, self.context_tokens)
        )


def container_name(deployment: str, revision: int) -> str:
    return f"jd-{deployment}-{revision}"


def ours(engine: EngineFacts | None, deployment: str) -> list[ContainerFacts]:
    """Containers with our label for this deployment, newest revision first."""
    if engine is None:
        return []
    mine = [c for c in engine.containers if c.labels.get(LABEL + "name") == deployment]
    return sorted(mine, key=lambda c: -number_label(c.labels, "revision"))


def find_serving(engine: EngineFacts | None, deployment: str) -> Serving | None:
    """The newest committed container of the deployment, or None."""
    container = newest_committed(ours(engine, deployment))
    return read_serving(container) if container else None


def newest_committed(mine: Iterable[Container]) -> Container | None:
    """Among all containers of one deployment: the one that serves, or is to."""
    committed = (one for one in mine if not one.name.endswith(CANDIDATE))
    return max(committed, key=lambda one: number_label(one.labels, "revision"), default=None)


def find_previous(engine: EngineFacts | None, deployment: str, serving: Serving | None) -> ContainerFacts | None:
    """The stopped container of the revision before: it keeps its image from being pruned, and can be gone back to."""
    committed = [c for c in ours(engine, deployment) if not c.name.endswith(CANDIDATE)]
    return next((c for c in committed if serving is not None and c.id != serving.container_id), None)


def leftovers(engine: EngineFacts | None, deployment: str, serving: Serving | None) -> list[ContainerFacts]:
    """Ours, but neither the deployment nor the one before: candidates and old revisions of interrupted runs."""
    previous = find_previous(engine, deployment, serving)
    keep = {serving.container_id if serving else None, previous.id if previous else None}
    return [c for c in ours(engine, deployment) if c.id not in keep]


def deployment_names(engine: EngineFacts | None) -> list[str]:
    """Every deployment that has a container here."""
    return sorted(
        {c.labels[LABEL + "name"] for c in (engine.containers if engine else ()) if LABEL + "name" in c.labels}
    )


def last_store(engine: EngineFacts | None, deployment: str) -> str | None:
    """Store of what serves, else of what an interrupted run left behind: it holds what was fetched."""
    serving = find_serving(engine, deployment)
    stores = [serving.store] if serving else [c.labels.get(LABEL + "store", "") for c in ours(engine, deployment)]
    return next(filter(None, stores), None)


def next_revision(engine: EngineFacts | None, deployment: str, last: int = 0) -> int:
    """`last`: the highest number on record; numbers are not used twice."""
    return 1 + max([last, *(number_label(c.labels, "revision") for c in ours(engine, deployment))])


def revision_of(container: ContainerFacts) -> int:
    return number_label(container.labels, "revision")


def read_serving(container: ContainerFacts) -> Serving:
    """A container of ours, by its labels."""
    labels = container.labels
    return Serving(
        container=container.name,
        container_id=container.id,
        state=container.state,
        revision=number_label(labels, "revision"),
        spec_hash=labels.get(LABEL + "spec-hash", ""),
        model=labels.get(LABEL + "model", ""),
        manifest_digest=labels.get(LABEL + "model-digest") or None,
        image=labels.get(LABEL + "image", container.image),
        store=labels.get(LABEL + "store", ""),
        port=number_label(labels, "port"),
        context_tokens=number_label(labels, "context"),
        parallel=number_label(labels, "parallel"),
        kv_cache_type=labels.get(LABEL + "kv-cache-type", "f16"),
        accept_cpu=labels.get(LABEL + "accept-cpu") == "true",
        image_policy=labels.get(LABEL + "image-policy", "dustynv"),
        need_bytes=number_label(labels, "need-bytes"),
        free_bytes_before=number_label(labels, "free-bytes"),
        simulated=labels.get(LABEL + "simulated") or None,
        asked_gpu_share=_fraction(labels, "asked-gpu-share"),
        asked_floor=_fraction(labels, "asked-floor"),
    )


def number_label(labels: dict[str, str], key: str) -> int:
    text = labels.get(LABEL + key, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0


def _fraction(labels: dict[str, str], key: str) -> float | None:
    try:
        value = float(labels.get(LABEL + key, ""))
    except ValueError:
        return None
    return value if 0 <= value < float("inf") else None
