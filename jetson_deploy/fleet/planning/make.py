"""What would be done to one device, or what stands against it: the same planner as on the device, with its facts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from jetson_deploy import __version__
from jetson_deploy.deployment.finding import blocking
from jetson_deploy.deployment.instance import find_serving
from jetson_deploy.deployment.plan import AnyStep, CreateContainer, Plan, StageImage, StageModel, StopContainer
from jetson_deploy.deployment.record import Record
from jetson_deploy.deployment.revisions import State
from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.facts import HostFacts
from jetson_deploy.fleet.device_hints import for_controller, in_settings, names_the_tool
from jetson_deploy.fleet.end_state import DeviceResult
from jetson_deploy.fleet.planning.device_plan import Decided, DevicePlan, Ground, Refusal
from jetson_deploy.fleet.reading.facts import state_of
from jetson_deploy.fleet.reading.seen import Seen
from jetson_deploy.fleet.rollout.lines import Measured
from jetson_deploy.plan.make import Draft, draft_plan
from jetson_deploy.plan.room import model_need, part_of

if TYPE_CHECKING:
    from jetson_deploy.catalog.catalog import Catalog


OWN_CATALOG = "it has a catalog of its own"


def plan_for(
    seen: Seen, catalog: Catalog, *, measured: Measured | None = None, rate: float | None = None
) -> DevicePlan:
    """`measured`: on it, by an earlier rollout. `rate`: bytes a second, which come before those measured."""
    catalog = seen.catalog or catalog
    ground = _ground(seen.facts, seen.asked.name)
    base = DevicePlan(ground=ground, tool=seen.board.tool.version)
    against = tuple(_left(seen))
    if against:
        return msgspec.structs.replace(base, refusals=against)
    try:
        state = state_of(seen.answer, seen.asked.name)
        draft = draft_plan(seen.facts, seen.asked.request, catalog, state)
    except JetsonDeployError as error:
        return msgspec.structs.replace(base, refusals=(_refusal(error),))
    if draft.plan is None:
        return msgspec.structs.replace(base, refusals=tuple(_against(draft)))
    known = rate or (measured.bytes_per_second if measured else None)
    return _planned(base, seen, draft.plan, state, measured or Measured(), known)


def as_result(device: str, plan: DevicePlan) -> DeviceResult:
    """The row of a device that was read."""
    document: dict[str, object] = msgspec.to_builtins(plan)
    document |= {"fetch_bytes": plan.fetch_bytes, "fetch_seconds": plan.fetch_seconds}
    if plan.decided is not None:
        reason = next((text for text in plan.warnings if text.startswith(OWN_CATALOG)), "")
        return DeviceResult(device=device, state="done", reason=reason, document=document)
    first = plan.refusals[0]
    return DeviceResult(
        device=device, state="refused", reason=first.cause, hint=first.fix, code=first.code, document=document
    )


def _left(seen: Seen) -> Iterator[Refusal]:
    """What stands against a device whatever is asked for."""
    if seen.tool_age == "newer":
        yield Refusal(
            code="tool-newer",
            cause=f"version {seen.board.tool.version} is there, newer than {__version__} here: it is left as it is",
            fix="use that version here too",
        )
    if seen.catalog_refusal is not None:
        yield _refusal(seen.catalog_refusal)
    if not seen.board.root and seen.answer.live:
        yield Refusal(
            code="not-root", cause="it was not read as root", fix="log in as root, or let the user use sudo there"
        )
    store = seen.facts.store.path if seen.facts.store else ""
    for point in seen.board.not_mounted:
        if store == point or store.startswith(point.rstrip("/") + "/"):
            yield Refusal(
                code="store-not-mounted",
                cause=f"{point} is listed in /etc/fstab but not mounted, and the store {store} lies there",
                fix=f"mount it there (sudo mount {point}), or ask for another store",
            )


def _against(draft: Draft) -> Iterator[Refusal]:
    for finding in blocking(draft.findings):
        yield _refusal(finding.error())


def _refusal(error: JetsonDeployError) -> Refusal:
    fix = for_controller(error.hint) if names_the_tool(error.hint) else in_settings(error.hint)
    return Refusal(code=error.code, cause=error.message, fix=fix)


def _planned(
    base: DevicePlan, seen: Seen, plan: Plan, state: State | None, measured: Measured, rate: float | None
) -> DevicePlan:
    stages_image = next((step for step in plan.steps if isinstance(step, StageImage)), None)
    stages_model = any(isinstance(step, StageModel) for step in plan.steps)
    cuts_over = any(isinstance(step, StopContainer) for step in plan.steps)
    return msgspec.structs.replace(
        base,
        decided=Decided(
            image=plan.image.reference,
            model=plan.model.name,
            context_tokens=plan.model.context_tokens,
            port=Record.read(plan.spec.labels).port,
            steps=tuple(map(_step, plan.steps)),
        ),
        key=plan_key(plan),
        image_bytes=stages_image.size_bytes if stages_image else 0,
        model_bytes=model_need(seen.facts, part_of(plan.model)) if stages_model else 0,
        bytes_per_second=rate,
        downtime_seconds=_downtime(measured, state) if cuts_over else None,
        warnings=(*_own_catalog(seen), *plan.warnings),
    )


def _own_catalog(seen: Seen) -> Iterator[str]:
    if seen.board.overlays and seen.catalog is None:
        places = ", ".join(seen.board.overlays)
        yield f"{OWN_CATALOG} ({places}) that could not be read whole: it may decide otherwise than planned here"


def plan_key(plan: Plan) -> str:
    """Devices with the same one have board, L4T, image and model in common."""
    return " | ".join((plan.board or "unknown", plan.l4t or "unknown", plan.image.reference, plan.model.name))


def _downtime(measured: Measured, state: State | None) -> float | None:
    """The device's own record says how long the last cutover took until its proof, where one replaced another."""
    if measured.downtime_seconds is not None:
        return measured.downtime_seconds
    current = state.revision(state.current) if state and state.previous is not None else None
    return current.seconds if current else None


def _step(step: AnyStep) -> str:
    words = [str(step.__struct_config__.tag)]
    words += [str(value) for key in _SUBJECTS if (value := getattr(step, key, None))]
    if isinstance(step, CreateContainer):
        words.append(Record.read(step.spec.labels).spec_hash)
    return " ".join(words)


_SUBJECTS = ("reference", "name", "manifest_digest", "container", "what", "policy")


def _ground(facts: HostFacts, deployment: str) -> Ground:
    disk = facts.store.disk if facts.store else None
    serving = find_serving(facts.engine, deployment)
    return Ground(
        board=facts.board.id,
        l4t=facts.l4t,
        memory_total_bytes=facts.memory.total_bytes,
        memory_available_bytes=facts.memory.available_bytes,
        disk=disk.mount if disk else None,
        disk_free_bytes=disk.free_bytes if disk else None,
        store=facts.store.path if facts.store else None,
        power_mode=facts.power.mode,
        engine=facts.engine.version if facts.engine else None,
        deployed=f"{serving.container} ({serving.state})" if serving else None,
    )
