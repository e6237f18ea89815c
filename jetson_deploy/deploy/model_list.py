"""The models of a store with what can be said of each, and whether it fits the memory of a board."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import msgspec

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.deploy.opened import runtime_of
from jetson_deploy.deployment.instance import Instance, find_serving
from jetson_deploy.detect.host import Host
from jetson_deploy.detect.meminfo import memory_facts
from jetson_deploy.plan.budget import Budget
from jetson_deploy.plan.fits import Fit, Shape, budget_for, catalog_size, fit_of_shape, fit_of_size
from jetson_deploy.plan.shape import shape_of
from jetson_deploy.settings import Settings, acts_here
from jetson_deploy.state.directory import StateDirectory
from jetson_deploy.store.identity import VerifiedBlobs
from jetson_deploy.store.inventory import FoundManifest, find_manifests, missing_bytes
from jetson_deploy.store.layout import StorePaths
from jetson_deploy.store.maintenance.describe import Description, describe
from jetson_deploy.store.manifest import Manifest, manifest_digest

State = Literal["verified", "not verified", "incomplete"]


class ListedModel(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    manifest_digest: str
    size_bytes: int
    state: State
    """`verified`: every blob is the file that was hashed and found right; `not verified`: some have yet to be."""
    missing_bytes: int
    family: str | None
    parameters: str | None
    quantization: str | None
    context_limit: int | None
    """Tokens that the model was trained for."""
    fit: Fit


class DamagedManifest(msgspec.Struct, frozen=True, kw_only=True):
    path: str
    """Below the store."""
    problem: str
    name: str | None = None
    """The model's, where the path spells one."""


class Models(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="jetson-deploy.models/1"):
    store: str
    exists: bool
    models: tuple[ListedModel, ...]
    damaged: tuple[DamagedManifest, ...]
    total_bytes: int
    """Of the blobs that the models need; what two models share counts once."""


def list_models(store: Path, root: Path, settings: Settings, catalog: Catalog, deployment: str) -> Models:
    """Nothing is hashed. `root`: the board whose memory is meant; the store is this machine's."""
    paths = StorePaths(store)
    found = find_manifests(paths)
    usable = sorted((one for one in found if one.manifest is not None), key=lambda one: one.label)
    verified = VerifiedBlobs(paths)
    budget = _budget(root, settings, catalog, deployment) if usable else None
    return Models(
        store=str(store),
        exists=os.path.lexists(store),
        models=tuple(_listed(paths, one, one.manifest, verified, catalog, budget) for one in usable if one.manifest),
        damaged=tuple(_damaged(one, one.problem) for one in found if one.problem),
        total_bytes=sum({b.digest: b.size for o in usable if o.manifest for b in o.manifest.blobs}.values()),
    )


def _damaged(found: FoundManifest, problem: str) -> DamagedManifest:
    name = found.name.short if found.name else None
    return DamagedManifest(path=f"manifests/{found.path}", problem=problem, name=name)


def _budget(root: Path, settings: Settings, catalog: Catalog, deployment: str) -> Budget | None:
    available = memory_facts(Host(root)).available_bytes
    return budget_for(catalog, available, _serving(root, settings, deployment)) if available is not None else None


def _serving(root: Path, settings: Settings, deployment: str) -> Instance | None:
    """What the deployment occupies is there for another model. Without a record the engine need not be asked."""
    if not acts_here(root, settings) or not StateDirectory(settings.state_dir, deployment).exists:
        return None
    return find_serving(runtime_of(settings, deployment).facts(), deployment)


def _listed(
    paths: StorePaths,
    found: FoundManifest,
    manifest: Manifest,
    verified: VerifiedBlobs,
    catalog: Catalog,
    budget: Budget | None,
) -> ListedModel:
    kind, missing = describe(paths, manifest), missing_bytes(paths, manifest)
    whole = all(verified.holds(blob) for blob in manifest.blobs)
    return ListedModel(
        name=found.label,
        manifest_digest=manifest_digest(found.raw),
        size_bytes=manifest.total_bytes,
        state="incomplete" if missing else "verified" if whole else "not verified",
        missing_bytes=missing,
        family=kind.family,
        parameters=kind.parameters,
        quantization=kind.quantization,
        context_limit=kind.header.context_length if kind.header else None,
        fit=_fit(found, kind, catalog, budget),
    )


def _fit(found: FoundManifest, kind: Description, catalog: Catalog, budget: Budget | None) -> Fit:
    if budget is None:
        return Fit(fits=None, why="the free memory of this host is unknown (MemAvailable in /proc/meminfo)")
    known = catalog_size(catalog, found.name, manifest_digest(found.raw), kind.file.digest if kind.file else None)
    if known is not None and known[1] == "catalog by digest":
        return fit_of_size(*known, budget)
    shape = _shape(kind)
    if isinstance(shape, Shape):
        return fit_of_shape(shape, budget)
    return fit_of_size(*known, budget) if known is not None else Fit(fits=None, why=shape)


def _shape(kind: Description) -> Shape | str:
    """What a budget needs to know, or in words why it is not known."""
    if kind.file is None or kind.header is None:
        return kind.problem or ("it has no model file" if kind.file is None else "its model file is no GGUF")
    return shape_of(kind.header, kind.loaded_bytes)
