"""Find drift from the deployed revision: runtime, store and host are asked, nothing is changed."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.deployment.drift import Difference, container_drift, since_creation
from jetson_deploy.deployment.drifted import (
    Drifted,
    UpWould,
    container_drifted,
    image_drifted,
    record_drifted,
)
from jetson_deploy.deployment.host_drift import host_drifted, surroundings_drifted
from jetson_deploy.deployment.instance import Instance, revision_of
from jetson_deploy.deployment.older_version import older_drifted
from jetson_deploy.deployment.record import described
from jetson_deploy.deployment.request import as_deployed
from jetson_deploy.deployment.revisions import Revision, State
from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.facts import HostFacts
from jetson_deploy.plan.make import draft_plan
from jetson_deploy.runtime.port import Runtime
from jetson_deploy.server.port import Servers
from jetson_deploy.settings import Settings


def edited_since(facts: HostFacts, runtime: Runtime, state: State | None, container: str) -> tuple[Difference, ...]:
    """Differences of the container from its creation; none where they are unknown."""
    mine = next((c for c in (facts.engine.containers if facts.engine else ()) if c.name == container), None)
    revision = state.revision(revision_of(mine)) if state and mine else None
    differences = different_now(runtime, mine.labels if mine else {}, container)
    return since_creation(differences, revision.creation_differences if revision else ())


def different_now(runtime: Runtime, labels: dict[str, str], container: str) -> tuple[Difference, ...]:
    """What of the container is not as its own labels say."""
    spec, _ = described(labels)
    actual = runtime.details(container)
    return container_drift(spec, actual) if spec is not None and actual is not None else ()


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    findings: tuple[Drifted, ...]
    not_compared: tuple[str, ...]
    """Parts that could not be compared, each with its reason: they have no finding."""


def find_drift(
    facts: HostFacts,
    runtime: Runtime,
    servers: Servers,
    settings: Settings,
    catalog: Catalog,
    deployment: str,
    serving: Instance,
    state: State | None,
    *,
    deep: bool = False,
) -> Drift:
    """Labels are the truth of what was deployed, then the record. `deep`: hash the model's files.

    A container that was created again with the very same content cannot be distinguished from the proven one.
    """
    from jetson_deploy.deploy.store_drift import store_drifted  # what hashes: `up` compares the container alone

    would = _would(facts, servers, settings, catalog, deployment, state)
    revision = state.revision(serving.record.revision) if state else None
    gaps: list[str] = []
    findings = (
        *_container(facts, runtime, serving, revision, would, gaps),
        *store_drifted(serving, would, gaps, deep=deep),
        *host_drifted(facts, revision, would),
        *surroundings_drifted(facts, serving, state, would),
    )
    return Drift(findings=findings, not_compared=(*gaps, *_unknown(facts, revision)))


def _would(
    facts: HostFacts, servers: Servers, settings: Settings, catalog: Catalog, deployment: str, state: State | None
) -> UpWould:
    """The plan of an `up` that asks for nothing new."""
    request = as_deployed(deployment, settings)
    try:
        return UpWould(plan=draft_plan(facts, request, catalog, state, servers).accepted())
    except JetsonDeployError as error:
        return UpWould(plan=None, refusal=error.message)


def _container(
    facts: HostFacts,
    runtime: Runtime,
    serving: Instance,
    revision: Revision | None,
    would: UpWould,
    gaps: list[str],
) -> Iterator[Drifted]:
    actual = runtime.details(serving.container)
    if actual is None:
        gaps.append("the container's fields and its image: Docker did not report them")
        return
    spec = described(actual.labels)[0]
    creation_differences = revision.creation_differences if revision else ()
    if spec is None:
        gaps.append("the container's fields: it has no label with its spec; up --force creates a new one")
    else:
        yield from container_drifted(since_creation(container_drift(spec, actual), creation_differences), would)
        yield from older_drifted(actual.labels, would)
    yield from record_drifted(revision, serving, actual.image_id, would)
    if facts.engine is not None and actual.image_id is not None:
        tag = _image_id(runtime, serving.record.image.partition("@")[0])
        yield from image_drifted(facts.engine, serving, actual.image_id, tag, would)


def _image_id(runtime: Runtime, reference: str) -> str | None:
    """Of the image that a reference names now; None: none, or not known."""
    try:
        found = runtime.find_image(reference)
    except JetsonDeployError:
        return None
    return found.id if found else None


def _unknown(facts: HostFacts, revision: Revision | None) -> Iterator[str]:
    if revision is None:
        yield "image, power mode, L4T and engine: the revision is not on record"
        return
    for what, known in (("power mode", facts.power.mode), ("L4T", facts.l4t)):
        if known is None:
            yield f"{what}: it cannot be read"
    if facts.port is not None and facts.port.listening and facts.port.pid is None:
        yield "the listener of the port: only root can see it"
