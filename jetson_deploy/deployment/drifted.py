"""Drift from the deployed revision, and `up`'s remedy: container, record, image. Pure.

What is around them: host_drift.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

from jetson_deploy.deployment.drift import COMMITTED, RESTART, Difference, policy_only
from jetson_deploy.deployment.finding import Finding
from jetson_deploy.deployment.instance import Instance
from jetson_deploy.deployment.plan import CreateContainer, PinModel, Plan, StageImage, StageModel
from jetson_deploy.deployment.revisions import Revision
from jetson_deploy.errors import UsageError
from jetson_deploy.facts import EngineFacts
from jetson_deploy.names import check_image_reference

NOTHING = "nothing"


class Drifted(msgspec.Struct, frozen=True, kw_only=True):
    """A difference, as `status --json` lists it under `drift`."""

    id: str
    """Kebab-case, stable."""
    what: str
    deployed: str
    found: str
    effect: str
    up_would: str
    level: Literal["warning", "info"] = "warning"
    """info: what serves is as it was proven, now and after the next start."""

    @property
    def finding(self) -> Finding:
        return Finding(
            id=self.id,
            severity="warning" if self.level == "warning" else "note",
            evidence=f"{self.what}: deployed {self.deployed}, found {self.found}; {self.effect}",
            fix=self._fix,
        )

    @property
    def _fix(self) -> str:
        if self.up_would.startswith(NOTHING):
            return self.up_would.removeprefix(NOTHING).removeprefix(": ")
        return f"jetson-deploy up would {self.up_would}"


class UpWould(msgspec.Struct, frozen=True, kw_only=True):
    """What the plan that `up` would make now does about each kind of finding."""

    plan: Plan | None
    refusal: str = ""

    def about(self, *kinds: type, otherwise: str = NOTHING) -> str:
        if self.plan is None:
            return f"refuse: {self.refusal}"
        doing = [_WORDS[type(step)] for step in self.plan.steps if isinstance(step, kinds)]
        return ", ".join(dict.fromkeys(doing)) or otherwise


_WORDS: dict[type, str] = {
    StageImage: "pull the image",
    StageModel: "fetch the model",
    PinModel: "pin the manifest",
    CreateContainer: "replace the container",
}


def container_drifted(differences: tuple[Difference, ...], would: UpWould) -> Iterator[Drifted]:
    """Of an edited container: the policy alone is set back, anything else needs a new one."""
    rule = "set the restart policy back" if policy_only(differences) else "replace the container"
    for one in differences:
        stays = one.what == RESTART and one.found != COMMITTED
        yield Drifted(
            id="restart-policy-changed" if one.what == RESTART else "container-edited",
            what=one.what,
            deployed=one.deployed,
            found=one.found,
            effect="does not come back by itself after a power cut"
            if stays
            else "the serving container is not the proven one",
            up_would=would.about(CreateContainer, otherwise=rule),
        )


def record_drifted(
    revision: Revision | None, serving: Instance, image: str | None, would: UpWould
) -> Iterator[Drifted]:
    """The container against the record. `image`: id of the one it was made from; None: not known."""
    if revision is None:
        return
    for what, deployed, found in (
        ("image of the container", revision.image_id, image),
        ("spec hash of the container", revision.spec_hash, serving.record.spec_hash),
    ):
        if deployed and found and deployed != found:
            yield Drifted(
                id="container-made-again",
                what=what,
                deployed=deployed,
                found=found,
                effect="the container was created again from another spec or image: this one was not proven",
                up_would=would.about(CreateContainer),
            )


def image_drifted(
    engine: EngineFacts, serving: Instance, image: str, tag: str | None, would: UpWould
) -> Iterator[Drifted]:
    """`image`: id of the one the container was made from; `tag`: of what its tag names now, None: nothing."""
    reference, doing = serving.record.image, would.about(StageImage, CreateContainer)
    by_digest = "@" in reference
    held = {one.id for one in engine.images}
    if image not in held:
        effect = "serves on, but the container cannot be made again from it"
        yield Drifted(id="image-gone", what="image", deployed=reference, found="gone", effect=effect, up_would=doing)
    elif not _named(engine, reference):
        effect = "serves on, but the container cannot be made again from it: the image has lost its name"
        yield Drifted(
            id="image-name-gone",
            what="image reference",
            deployed=reference,
            found="gone",
            effect=effect,
            up_would=doing,
        )
    if tag is not None and tag != image:
        yield Drifted(
            id="image-tag-moved",
            what="image tag",
            deployed=f"{reference.partition('@')[0]} is {image}",
            found=tag,
            effect="none on the running server: its image is named by its digest"
            if by_digest
            else "serves on with the image it was made from; the next container would have the other one",
            up_would=doing,
            level="info" if by_digest else "warning",
        )


def _named(engine: EngineFacts, reference: str) -> bool:
    """False: the engine holds it under another name, or none. A label that spells no reference says nothing."""
    try:
        wanted = check_image_reference(reference)
    except UsageError:
        return True
    name = f"{wanted.name}@{wanted.digest}" if wanted.digest else f"{wanted.name}:{wanted.tag or 'latest'}"
    return any(name in one.references for one in engine.images)
