"""Room on the disks for an image and a model that are not here yet: asked while choosing, and judged in preflight."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from jetson_deploy.catalog.entries import Constant
from jetson_deploy.deployment.plan import ImageChoice, ModelChoice
from jetson_deploy.facts import DiskFacts, HostFacts
from jetson_deploy.plan.image_place import image_disk, image_hint
from jetson_deploy.plan.staged import image_staged, model_staged

STORE_HINT = "put the model on another disk with --store DIR"


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A model to be fetched."""

    name: str
    manifest_digest: str | None
    download_bytes: int


def part_of(model: ModelChoice) -> Part:
    return Part(name=model.name, manifest_digest=model.manifest_digest, download_bytes=model.download_bytes)


class Lack(msgspec.Struct, frozen=True, kw_only=True):
    """A disk that cannot take what is to come."""

    disk: DiskFacts
    what: str
    need_bytes: int
    """With the margin that stays free."""
    free_bytes: int
    hint: str

    @property
    def missing_bytes(self) -> int:
        return self.need_bytes - self.free_bytes


def lacking(facts: HostFacts, image: ImageChoice, model: Part, limits: Mapping[str, Constant]) -> list[Lack]:
    return list(_lacking(facts, image, model, limits))


def _lacking(facts: HostFacts, image: ImageChoice, model: Part, limits: Mapping[str, Constant]) -> Iterator[Lack]:
    """The image takes twice its compressed size while it is unpacked."""
    margin = int(limits["disk_margin_bytes"].value)
    to_fetch = model_need(facts, model)
    size = image.assumed_bytes if image.size_bytes is None else image.size_bytes
    image_need = 0 if image_staged(facts, image) else int((size or 0) * limits["image_unpack_factor"].value)
    assumed = ", of an assumed size" if image.size_bytes is None and image_need else ""
    store_disk = facts.store.disk if facts.store else None
    disk, hint = image_disk(facts, image.reference), image_hint(facts.engine, image.reference)
    if store_disk is not None and disk is not None and _same(store_disk, disk):
        what = f"model {model.name} and image {image.reference}{assumed}"
        yield from _lack(store_disk, to_fetch + image_need, margin, what, f"{STORE_HINT}, or {hint}")
        return
    yield from _lack(store_disk, to_fetch, margin, f"model {model.name}", STORE_HINT)
    yield from _lack(disk, image_need, margin, f"image {image.reference}{assumed}", hint)


def _lack(disk: DiskFacts | None, need: int, margin: int, what: str, hint: str) -> Iterator[Lack]:
    if disk is None or disk.free_bytes is None or need == 0 or disk.free_bytes >= need + margin:
        return
    yield Lack(disk=disk, what=what, need_bytes=need + margin, free_bytes=disk.free_bytes, hint=hint)


def model_need(facts: HostFacts, model: Part) -> int:
    """Bytes yet to be fetched; what is here of the pinned manifest is not fetched again."""
    if model_staged(facts, model):
        return 0
    for found in (facts.store.models or ()) if facts.store else ():
        if found.name == model.name and found.manifest_digest == model.manifest_digest:
            return found.missing_bytes
    return model.download_bytes


def _same(one: DiskFacts, other: DiskFacts) -> bool:
    """One filesystem can be mounted twice: its room is there once."""
    return one.mount == other.mount or (one.device is not None and one.device == other.device)
