"""The registry of a rehearsal, filled with stand-ins under the very names that the product's own plan picked."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import msgspec

from jetson_deploy.catalog.load import load_catalog
from jetson_deploy.deployment.plan import Plan
from jetson_deploy.events import Note, Reporter
from jetson_deploy.names import check_image_reference
from jetson_deploy.rehearsal.board import rehearsal_blobs
from jetson_deploy.rehearsal.image import MANIFEST_TYPE, Program, make_image
from jetson_deploy.rehearsal.ollama_binary import VERSION, ollama_binary
from jetson_deploy.rehearsal.overlay import write_model_overlay, write_overlay
from jetson_deploy.rehearsal.product_plan import product_plan, user_overlays
from jetson_deploy.rehearsal.push import Label
from jetson_deploy.rehearsal.registry import Registry
from jetson_deploy.rehearsal.stand_in_model import StandIn, make_model
from jetson_deploy.rehearsal.weights import weights


class Binary(msgspec.Struct, frozen=True, kw_only=True):
    """The Ollama of the stand-in image."""

    path: Path
    libraries: Mapping[str, Path] | None = None
    """Of another machine's: as `make_image` takes them."""


class Filled(msgspec.Struct, frozen=True, kw_only=True):
    """What was put into the registry, for which plan."""

    plan: Plan
    model: StandIn


def fill(
    directory: Path,
    registry: Registry,
    root: Path,
    model: str | None,
    report: Reporter,
    *,
    program: Program = "ollama",
    gguf: Path | None = None,
) -> Filled:
    """Image and model for the board captured under `root`; what differs from the catalog, in `directory`/catalog.

    `gguf`: other weights than SmolLM2.
    """
    plan = product_plan(root, model)
    binary = Binary(path=ollama_binary(report))
    return fill_for(plan, directory, registry, binary, report, program=program, gguf=gguf)


def fill_for(
    plan: Plan,
    directory: Path,
    registry: Registry,
    binary: Binary,
    report: Reporter,
    *,
    program: Program = "ollama",
    gguf: Path | None = None,
) -> Filled:
    """What this plan asks for."""
    reference = check_image_reference(plan.image.reference)
    name, tag = reference.name, reference.tag or "latest"
    report(Note(level="info", text=f"stand-ins: image {name}:{tag} (Ollama {VERSION}), model {plan.model.name}"))
    label = Label(repository=reference.repository, tag=tag, media_type=MANIFEST_TYPE)
    digest, size = make_image(directory / "image", binary.path, label, program=program, libraries=binary.libraries)
    made = _made(directory, plan, gguf or weights())
    for bundle in ("image", "model"):
        registry.push(directory / bundle)
        shutil.rmtree(directory / bundle)
    write_overlay(
        directory / "catalog",
        image=f"{name}:{tag}",
        image_digest=digest,
        image_bytes=size,
        ollama=VERSION,
        model=plan.model.name,
        entry=made.entry,
    )
    return Filled(plan=plan, model=made)


def fill_model(directory: Path, registry: Registry, root: Path, model: str | None, gguf: Path) -> Filled:
    """The model alone, from these weights."""
    plan = product_plan(root, model)
    made = _made(directory, plan, gguf)
    registry.push(directory / "model")
    shutil.rmtree(directory / "model")
    write_model_overlay(directory / "catalog", plan.model.name, made.entry)
    return Filled(plan=plan, model=made)


def _made(directory: Path, plan: Plan, gguf: Path) -> StandIn:
    """By the very catalog that the plan was made with."""
    family, _, size = plan.model.name.partition(":")
    entry = load_catalog(user_overlays()).models[family].sizes[size]
    return make_model(directory / "model", gguf, rehearsal_blobs(), plan.model.name, entry)
