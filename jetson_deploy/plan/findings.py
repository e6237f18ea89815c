"""What differs from what was deployed, beyond the container's own fields, and what `up` would do about it. Pure."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from jetson_deploy.facts import HostFacts
from jetson_deploy.plan.drift import NOT_SET, Difference, policy_only
from jetson_deploy.plan.plan import CreateContainer, PinModel, Plan, StageImage, StageModel
from jetson_deploy.plan.revisions import Revision, State
from jetson_deploy.plan.serving import Serving, find_previous

NOTHING = "nothing"
UNKNOWN = "unknown"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    what: str
    deployed: str
    found: str
    effect: str
    up_would: str


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


def container_findings(differences: tuple[Difference, ...], would: UpWould) -> Iterator[Finding]:
    """Of an edited container: the policy alone is set back, anything else needs a new one."""
    rule = "set the restart policy back" if policy_only(differences) else "replace the container"
    for one in differences:
        stays = one.what == "restart policy" and one.found != "always"
        yield Finding(
            what=one.what,
            deployed=one.deployed,
            found=one.found,
            effect="does not come back by itself after a power cut" if stays else "what serves is not what was proven",
            up_would=rule if would.plan is not None else would.about(),
        )


def image_findings(
    recorded: str | None, container: str | None, tag: str | None, reference: str, gone: bool, would: UpWould
) -> Iterator[Finding]:
    """Image ids: on record, of the container, and of what the reference names now; None: not known."""
    if recorded and container and recorded != container:
        yield Finding(
            what="image id of the container",
            deployed=recorded,
            found=container,
            effect="somebody made the container again from another image",
            up_would=would.about(CreateContainer),
        )
    if gone:
        yield Finding(
            what="image",
            deployed=reference,
            found="gone",
            effect="serves on, but the container cannot be made again from it",
            up_would=would.about(StageImage),
        )
    elif tag and container and tag != container:
        yield Finding(
            what="image reference",
            deployed=f"{reference} is {container}",
            found=tag,
            effect="none on what serves: the image is named by its digest"
            if "@" in reference
            else "serves on with the image it was made from; the next container would have the other one",
            up_would=would.about(StageImage, CreateContainer),
        )


def host_findings(facts: HostFacts, revision: Revision | None, would: UpWould) -> Iterator[Finding]:
    """What was proven on another L4T, engine or power mode; what is unknown on either side is no difference."""
    if revision is None:
        return
    mark, power = revision.host, facts.power
    lowered = power.at_ceiling is False and mark.power_mode == power.ceiling
    engine = facts.engine.version if facts.engine else None
    for what, deployed, found, effect in (
        (
            "power mode lowered" if lowered else "power mode",
            mark.power_mode,
            power.mode,
            "the proven speed may not hold",
        ),
        ("L4T", mark.l4t, facts.l4t, "it was proven with another driver"),
        ("Docker Engine", mark.engine_version, engine, "it was proven with another engine"),
    ):
        if deployed and found and deployed != found:
            doing = would.about(CreateContainer)
            yield Finding(what=what, deployed=deployed, found=found, effect=effect, up_would=doing)


def surrounding_findings(facts: HostFacts, serving: Serving, state: State | None, would: UpWould) -> Iterator[Finding]:
    """Its port, the container of the revision before, and the tag in the store."""
    port = facts.port
    if port and port.port == serving.port and port.container_id and port.container_id != serving.container_id:
        yield Finding(
            what=f"port {port.port}",
            deployed=serving.container,
            found=f"container {port.container_id[:12]} ({port.process or UNKNOWN})",
            effect="somebody else answers at the endpoint",
            up_would=would.about(CreateContainer),
        )
    previous = state.revision(state.previous) if state else None
    if previous is not None and find_previous(facts.engine, state.deployment if state else "", serving) is None:
        yield Finding(
            what="previous container",
            deployed=previous.container,
            found="gone",
            effect="no quick rollback: its image may be pruned and have to be pulled again",
            up_would=NOTHING,
        )
    yield from _tag(facts, serving, would)


def _tag(facts: HostFacts, serving: Serving, would: UpWould) -> Iterator[Finding]:
    models = facts.store.models if facts.store and facts.store.path == serving.store else None
    if models is None or serving.manifest_digest is None:
        return
    digest = next((m.manifest_digest for m in models if m.name == serving.model), NOT_SET)
    if digest != serving.manifest_digest:
        yield Finding(
            what=f"tag {serving.model} in the store",
            deployed=serving.manifest_digest,
            found=digest,
            effect="none on what serves: its manifest is pinned",
            up_would=would.about(StageModel, PinModel),
        )
