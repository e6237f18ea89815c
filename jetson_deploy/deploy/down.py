"""`down`: remove what is ours, and nothing else."""

from __future__ import annotations

from pathlib import Path

import msgspec

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.deploy.door.close import close_door
from jetson_deploy.deploy.opened import runtime_of
from jetson_deploy.deploy.purge import Purged, purge_owned
from jetson_deploy.deploy.run.stage import reported
from jetson_deploy.deploy.survey import survey
from jetson_deploy.deployment.instance import CPU_ACCEPTED, find_serving, ours
from jetson_deploy.deployment.record import Record
from jetson_deploy.deployment.revisions import Line, State
from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.events import Note, Reporter
from jetson_deploy.facts import ContainerFacts
from jetson_deploy.plan.preflight import check_engine_reachable
from jetson_deploy.runtime.port import Runtime
from jetson_deploy.server_kinds import stop_seconds
from jetson_deploy.settings import Settings, check_acts_here
from jetson_deploy.state.actor import actor
from jetson_deploy.state.directory import StateDirectory
from jetson_deploy.state.journal import boot_id, now
from jetson_deploy.state.lock import deployment_lock


class Removed(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="jetson-deploy.down/1"):
    deployment: str
    result: str
    """`done` or `no-changes`."""
    containers: tuple[str, ...]
    images: tuple[str, ...]
    models: tuple[str, ...]
    freed_bytes: int
    door_closed: bool = False
    """It was exposed on a network."""
    accept_cpu: bool
    """The deployment that was removed had accepted a CPU-only server."""


def take_down(
    root: Path,
    settings: Settings,
    catalog: Catalog,
    deployment: str,
    *,
    purge: bool,
    report: Reporter,
    wait: bool = False,
    runtime: Runtime | None = None,
) -> Removed:
    """Remove the deployment's containers: what serves, the one before, candidates. `rollback` can bring them back.

    The door on a network is closed before. With `purge` also the clients' keys, the state, and downloaded images,
    models and pinned manifests.
    """
    check_acts_here(root, settings, "down")
    runtime = runtime or runtime_of(settings, deployment)
    with deployment_lock(settings.lock_dir, deployment, command="down", wait=wait, report=report):
        facts = survey(root, settings, catalog, store=None, deployment=deployment, runtime=runtime)
        check_engine_reachable(facts, deployment)
        state = StateDirectory(settings.state_dir, deployment)
        serving = find_serving(facts.engine, deployment)
        cpu = serving is not None and serving.record.accept_cpu
        if cpu:
            report(Note(level="info", text=CPU_ACCEPTED))
        closed = close_door(settings, deployment, report, forget_keys=purge)
        # What serves goes last: whenever this run dies, it serves on, or nothing is left.
        found = sorted(
            ours(facts.engine, deployment), key=lambda c: serving is not None and c.id == serving.container_id
        )
        for container in found:
            _remove(runtime, container, report)
        purged = Purged()
        if purge:
            purged = purge_owned(runtime, facts, state, found, report)
        elif found:
            _remember(state, serving.record.revision if serving else None, report)
    return Removed(
        deployment=deployment,
        result="done" if found or closed or purged.anything else "no-changes",
        containers=tuple(c.name for c in found),
        door_closed=closed,
        images=purged.images,
        models=purged.models,
        freed_bytes=purged.freed_bytes,
        accept_cpu=cpu,
    )


def _remove(runtime: Runtime, container: ContainerFacts, report: Reporter) -> None:
    with reported(report, "remove-container", container.name):
        runtime.stop(container.name, stop_seconds(Record.read(container.labels).server))
        runtime.remove(container.name, force=True)


def _remember(state: StateDirectory, revision: int | None, report: Reporter) -> None:
    """Its revisions stay. A failed write is reported: the containers are gone, and `recover` sees that too."""
    by = actor("down")
    line = Line(
        at=now(),
        command="down",
        result="done",
        text="its containers were removed",
        revision=revision,
        by=by,
        boot_id=boot_id(),
    )

    def ended(before: State) -> State:
        after = msgspec.structs.replace(before, current=None, previous=None, intent=None, attention=None)
        return after.with_line(line)

    try:
        state.change(ended)
    except JetsonDeployError as error:
        report(Note(level="warning", text=f"the containers are removed, but that is not on record: {error.message}"))
