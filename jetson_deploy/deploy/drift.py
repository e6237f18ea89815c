"""What differs from what was deployed, looked at: engine, store and host are asked, nothing is changed."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.engine.actual import image_id, inspected
from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.facts import HostFacts
from jetson_deploy.plan.actual import ActualContainer, as_actual
from jetson_deploy.plan.container import described
from jetson_deploy.plan.drift import Difference, container_drift
from jetson_deploy.plan.findings import (
    Finding,
    UpWould,
    container_findings,
    host_findings,
    image_findings,
    surrounding_findings,
)
from jetson_deploy.plan.make import make_plan
from jetson_deploy.plan.plan import PinModel, StageModel
from jetson_deploy.plan.request import Request
from jetson_deploy.plan.revisions import State
from jetson_deploy.plan.serving import Serving
from jetson_deploy.settings import Settings
from jetson_deploy.store.hashing import hash_file
from jetson_deploy.store.identity import VerifiedBlobs
from jetson_deploy.store.kept import pinned_tree
from jetson_deploy.store.layout import StorePaths, size_on_disk
from jetson_deploy.store.manifest import Blob


def actual_container(settings: Settings, name: str) -> ActualContainer | None:
    """None: there is none, or the engine cannot be asked without its SDK."""
    found = inspected(settings.docker_host, name)
    return as_actual(found.container, found.image) if found else None


def edited_since(facts: HostFacts, settings: Settings, container: str) -> tuple[Difference, ...]:
    """What of the container is not as its own labels say; nothing where nobody can tell."""
    labels = next((c.labels for c in (facts.engine.containers if facts.engine else ()) if c.name == container), {})
    spec, _ = described(labels)
    actual = actual_container(settings, container)
    return container_drift(spec, actual) if spec is not None and actual is not None else ()


def find_drift(
    facts: HostFacts, settings: Settings, catalog: Catalog, serving: Serving, state: State | None, *, deep: bool = False
) -> tuple[Finding, ...]:
    """Labels are the truth of what was deployed, then the record. `deep`: hash the model's files."""
    would = _would(facts, settings, catalog, serving, state)
    revision = state.revision(serving.revision) if state else None
    return (
        *_container(facts, settings, serving, revision.image_id if revision else None, would),
        *_store(serving, would, deep=deep),
        *host_findings(facts, revision, would),
        *surrounding_findings(facts, serving, state, would),
    )


def _would(facts: HostFacts, settings: Settings, catalog: Catalog, serving: Serving, state: State | None) -> UpWould:
    """The plan of an `up` that asks for nothing new."""
    request = Request(
        name=_deployment(serving),
        registry=settings.registry,
        image_registry=settings.image_registry,
        simulated=settings.rehearsal,
        stability_seconds=settings.stability_seconds,
    )
    try:
        return UpWould(plan=make_plan(facts, request, catalog, state))
    except JetsonDeployError as error:
        return UpWould(plan=None, refusal=error.message)


def _deployment(serving: Serving) -> str:
    """Name of the deployment that a container serves: `jd-<name>-<revision>`."""
    return serving.container.removeprefix("jd-").rpartition("-")[0]


def _container(
    facts: HostFacts, settings: Settings, serving: Serving, recorded: str | None, would: UpWould
) -> Iterator[Finding]:
    actual = actual_container(settings, serving.container)
    if actual is None:
        return
    spec = described(actual.labels)[0]
    if spec is not None:
        yield from container_findings(container_drift(spec, actual), would)
    held = {image.id for image in facts.engine.images} if facts.engine else set()
    gone = bool(held) and actual.image_id not in held and actual.image_environment is None
    tag = image_id(settings.docker_host, serving.image.partition("@")[0])
    yield from image_findings(recorded, actual.image_id, tag, serving.image, gone, would)


def _store(serving: Serving, would: UpWould, *, deep: bool) -> Iterator[Finding]:
    if serving.manifest_digest is None or not serving.store:
        return
    paths = StorePaths(Path(serving.store))
    doing = would.about(StageModel, PinModel)
    manifests = []
    with contextlib.suppress(OSError):
        manifests = [m for m in pinned_tree(paths, serving.manifest_digest) if m.problem is None and m.manifest]
    if not manifests:
        yield Finding(
            what="pinned manifest",
            deployed=serving.manifest_digest,
            found="missing or another one",
            effect="the model cannot be loaded again",
            up_would=doing,
        )
        return
    verified = VerifiedBlobs(paths)
    for blob in {b for m in manifests if m.manifest for b in m.manifest.blobs}:
        problem = _blob_problem(paths, verified, blob, deep=deep)
        if problem:
            yield Finding(
                what=f"blob {blob.file_name[:19]}",
                deployed=f"{blob.size} bytes",
                found=problem,
                effect="the model fails when it is loaded again",
                up_would=doing,
            )


def _blob_problem(paths: StorePaths, verified: VerifiedBlobs, blob: Blob, *, deep: bool) -> str | None:
    size = size_on_disk(paths.blob(blob))
    if size is None:
        return "missing"
    if size != blob.size:
        return f"{size} bytes"
    if deep:
        hashed = hash_file(paths.blob(blob), lambda _: None, threading.Event().is_set)
        if hashed.problem:
            return hashed.problem
        return None if f"sha256:{hashed.sha256}" == blob.digest else "other content"
    return None if verified.holds(blob) else "changed since it was hashed"
