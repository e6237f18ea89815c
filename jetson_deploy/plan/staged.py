"""Parts that are on the host already: the image in the runtime, the model in the store, its manifest pinned."""

from __future__ import annotations

from typing import Protocol

from jetson_deploy.deployment.plan import ImageChoice
from jetson_deploy.facts import HostFacts, ModelFacts
from jetson_deploy.names import check_image_reference


class Model(Protocol):
    """A model, chosen or only considered."""

    @property
    def name(self) -> str: ...

    @property
    def manifest_digest(self) -> str | None: ...


def model_staged(facts: HostFacts, model: Model) -> bool:
    """The store holds the model completely, under the digest that is pinned (any digest if none is)."""
    pin = _pin(facts, model)
    if pin is not None and pin.complete:
        return True  # wherever the tag was moved to
    for found in (facts.store.models or ()) if facts.store else ():
        if found.name == model.name and found.complete:
            return model.manifest_digest in (None, found.manifest_digest)
    return False


def model_pinned(facts: HostFacts, model: Model) -> bool:
    """The store keeps this very manifest apart from its tag, for the deployment's container to see."""
    return _pin(facts, model) is not None


def pin_lost(facts: HostFacts, model: Model) -> bool:
    """The store was inspected, and the manifest of a deployment is not there any more."""
    return facts.store is not None and facts.store.pinned is not None and not model_pinned(facts, model)


def _pin(facts: HostFacts, model: Model) -> ModelFacts | None:
    pins = (facts.store.pinned or ()) if facts.store else ()
    return next((p for p in pins if (p.name, p.manifest_digest) == (model.name, model.manifest_digest)), None)


def image_staged(facts: HostFacts, image: ImageChoice) -> bool:
    """The engine holds the image: by digest where one is pinned, by tag else."""
    wanted = check_image_reference(image.reference)
    digest = f"{wanted.name}@{wanted.digest}"
    tag = f"{wanted.name}:{wanted.tag or 'latest'}"
    held = {r for i in (facts.engine.images if facts.engine else ()) for r in i.references}
    return digest in held if wanted.digest else tag in held
