"""Drift of the host around a deployment: port, names, the revision before, the tag in the store. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from jetson_deploy.deployment.drifted import NOTHING, Drifted, UpWould
from jetson_deploy.deployment.instance import Instance, container_name, find_previous
from jetson_deploy.deployment.plan import CreateContainer, PinModel, StageImage, StageModel
from jetson_deploy.deployment.revisions import Revision, State
from jetson_deploy.facts import HostFacts


def host_drifted(facts: HostFacts, revision: Revision | None, would: UpWould) -> Iterator[Drifted]:
    """What was proven on another L4T, engine or power mode; what is unknown on either side is no difference."""
    if revision is None:
        return
    mark, power = revision.host, facts.power
    lowered = power.at_ceiling is False and mark.power_mode == power.ceiling
    engine = facts.engine.version if facts.engine else None
    for id_, what, deployed, found, effect, harmless in (
        (
            "power-mode-changed",
            "power mode lowered" if lowered else "power mode",
            mark.power_mode,
            power.mode,
            _POWER,
            power.at_ceiling,
        ),
        # An upgrade is no fault, and only a new deployment would end the alarm.
        ("l4t-changed", "L4T", mark.l4t, facts.l4t, f"it was proven with another driver; {_ANEW}", True),
        (
            "engine-changed",
            "Docker Engine",
            mark.engine_version,
            engine,
            f"it was proven with another engine; {_ANEW}",
            True,
        ),
    ):
        if deployed and found and deployed != found:
            doing = would.about(StageImage, CreateContainer)
            level: Literal["warning", "info"] = "info" if harmless and doing == NOTHING else "warning"
            yield Drifted(id=id_, what=what, deployed=deployed, found=found, effect=effect, up_would=doing, level=level)


_POWER = "the proven speed may not hold; sudo nvpmodel sets the mode"
_ANEW = "jetson-deploy up --force proves it anew"


def surroundings_drifted(facts: HostFacts, serving: Instance, state: State | None, would: UpWould) -> Iterator[Drifted]:
    """Its port, its name, the container of the revision before, and the tag in the store."""
    yield from _port(facts, serving, would)
    deployment = state.deployment if state else ""
    name = container_name(deployment, serving.record.revision)
    if state is not None and serving.container != name:
        yield Drifted(
            id="container-renamed",
            what="container name",
            deployed=name,
            found=serving.container,
            effect="none: it is known by its labels",
            up_would=NOTHING,
            level="info",
        )
    previous = state.revision(state.previous) if state else None
    if previous is not None and find_previous(facts.engine, deployment, serving) is None:
        yield Drifted(
            id="previous-container-gone",
            what="previous container",
            deployed=previous.container,
            found="gone",
            effect="none on the running server; a rollback may have to pull its image again",
            up_would=NOTHING,
            level="info",
        )
    yield from _tag(facts, serving, would)


def _port(facts: HostFacts, serving: Instance, would: UpWould) -> Iterator[Drifted]:
    """Only root can see the listening process: without one there is no finding."""
    port = facts.port
    if port is None or not port.listening or port.port != serving.record.port or port.pid is None:
        return
    if port.container_id != serving.container_id:
        where = f"in container {port.container_id[:12]}" if port.container_id else "in no container"
        yield Drifted(
            id="port-answered-by-another",
            what=f"port {port.port}",
            deployed=serving.container,
            found=f"{port.process or 'another process'} (pid {port.pid}, {where})",
            effect="another process answers at the endpoint",
            up_would=would.about(CreateContainer),
        )


def _tag(facts: HostFacts, serving: Instance, would: UpWould) -> Iterator[Drifted]:
    models = facts.store.models if facts.store and facts.store.path == serving.record.store else None
    if models is None or serving.record.manifest_digest is None:
        return
    digest = next((m.manifest_digest for m in models if m.name == serving.record.model), "gone")
    if digest != serving.record.manifest_digest:
        yield Drifted(
            id="model-tag-moved",
            what=f"tag {serving.record.model} in the store",
            deployed=serving.record.manifest_digest,
            found=digest,
            effect="none on the running server: its manifest is pinned",
            up_would=would.about(StageModel, PinModel),
            level="info",
        )
