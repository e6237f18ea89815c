"""Our containers among the facts: which one is the deployment, and what an interrupted run left behind.

Names carry the state: `jd-<name>-<revision>` is committed, `…-candidate` is not proven yet. Labels carry
the identity (ARCHITECTURE decision 9).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

import msgspec

from jetson_deploy.deployment.record import Record, deployment_of
from jetson_deploy.deployment.request import Wanted
from jetson_deploy.facts import ContainerFacts, EngineFacts

CANDIDATE = "-candidate"
CPU_ACCEPTED = "a CPU-only server was accepted for this deployment (--accept-cpu)"


class Labelled(Protocol):
    """A container as any of our views of the engine lists it."""

    @property
    def name(self) -> str: ...

    @property
    def labels(self) -> dict[str, str]: ...


Container = TypeVar("Container", bound=Labelled)


class Instance(msgspec.Struct, frozen=True, kw_only=True):
    """A container of ours: what was deployed, and its state."""

    container: str
    container_id: str
    state: str
    """As of `ContainerFacts`."""
    record: Record

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
            and self.record.model == name
            and self.record.parallel == request.parallel
            and self.record.kv_cache_type == request.kv_cache_type
            and request.context_tokens in (None, self.record.context_tokens)
        )


def container_name(deployment: str, revision: int) -> str:
    return f"jd-{deployment}-{revision}"


def ours(engine: EngineFacts | None, deployment: str) -> list[ContainerFacts]:
    """Containers with our label for this deployment, newest revision first."""
    if engine is None:
        return []
    mine = [c for c in engine.containers if deployment_of(c.labels) == deployment]
    return sorted(mine, key=lambda c: -revision_of(c))


def is_known(engine: EngineFacts, deployment: str) -> bool:
    """Its containers are all there is of it: the engine answered, it has nothing of it, or it is a native deployment.

    An engine that is not where it was looked for may be elsewhere, and have containers: that is not called nothing.
    """
    alone = engine.native is not None and engine.native.alone
    return engine.reachable or alone or bool(ours(engine, deployment))


def find_serving(engine: EngineFacts | None, deployment: str) -> Instance | None:
    """The newest committed container of the deployment, or None."""
    container = newest_committed(ours(engine, deployment))
    return read_instance(container) if container else None


def newest_committed(mine: Iterable[Container]) -> Container | None:
    """Among all containers of one deployment: the one that serves, or is to."""
    committed = (one for one in mine if not one.name.endswith(CANDIDATE))
    return max(committed, key=revision_of, default=None)


def find_previous(engine: EngineFacts | None, deployment: str, serving: Instance | None) -> ContainerFacts | None:
    """The stopped container of the revision before: it keeps its image from being pruned, and can be gone back to."""
    committed = [c for c in ours(engine, deployment) if not c.name.endswith(CANDIDATE)]
    return next((c for c in committed if serving is not None and c.id != serving.container_id), None)


def leftovers(engine: EngineFacts | None, deployment: str, serving: Instance | None) -> list[ContainerFacts]:
    """Ours, but neither the deployment nor the one before: candidates and old revisions of interrupted runs."""
    previous = find_previous(engine, deployment, serving)
    keep = {serving.container_id if serving else None, previous.id if previous else None}
    return [c for c in ours(engine, deployment) if c.id not in keep]


def deployment_names(engine: EngineFacts | None) -> list[str]:
    """Every deployment that has a container here."""
    named = (deployment_of(container.labels) for container in (engine.containers if engine else ()))
    return sorted({name for name in named if name is not None})


def last_store(engine: EngineFacts | None, deployment: str) -> str | None:
    """Store of what serves, else of what an interrupted run left behind: it holds what was fetched."""
    serving = find_serving(engine, deployment)
    records = [serving.record] if serving else [Record.read(c.labels) for c in ours(engine, deployment)]
    stores = (record.store for record in records)
    return next(filter(None, stores), None)


def next_revision(engine: EngineFacts | None, deployment: str, last: int = 0) -> int:
    """`last`: the highest number on record; numbers are not used twice."""
    return 1 + max([last, *(revision_of(c) for c in ours(engine, deployment))])


def revision_of(container: Labelled) -> int:
    return Record.read(container.labels).revision


def read_instance(container: ContainerFacts) -> Instance:
    """A container of ours, by its labels."""
    return Instance(
        container=container.name,
        container_id=container.id,
        state=container.state,
        record=Record.read(container.labels, container.image),
    )
