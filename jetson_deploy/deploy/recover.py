"""Finish or undo what an earlier run left unfinished; nothing is ever rolled forward.

At the start of `up` and `rollback`, as a command, and at boot as a systemd unit after the engine. Until it ran, the
restart policies alone decide what serves: the old one up to the commit point, from then on the new one.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.deploy.door.put import settle_or_report
from jetson_deploy.deploy.opened import runtime_of
from jetson_deploy.deploy.run.actions import DeploymentActions, look
from jetson_deploy.deploy.run.disk_check import check_disks
from jetson_deploy.deploy.run.execute import execute
from jetson_deploy.deploy.run.step_hooks import StepHooks
from jetson_deploy.deploy.run.target import serving_target
from jetson_deploy.deploy.run.verify import QUICK_TOKENS, Prover
from jetson_deploy.deploy.survey import engine_now, survey
from jetson_deploy.deployment.instance import find_serving, is_known, ours
from jetson_deploy.deployment.plan import AnyStep
from jetson_deploy.deployment.rebuild import rebuilt
from jetson_deploy.deployment.recovery import Recovery, recovery, unfinished
from jetson_deploy.deployment.revisions import Intent, State
from jetson_deploy.errors import JetsonDeployError, LockedError, NeedsAttentionError
from jetson_deploy.events import Note, Reporter, silent
from jetson_deploy.facts import HostFacts
from jetson_deploy.interrupts import shielded
from jetson_deploy.plan.preflight import check_engine_reachable
from jetson_deploy.runtime.port import Runtime
from jetson_deploy.server.opened import open_server
from jetson_deploy.server.port import Servers
from jetson_deploy.settings import Settings, acts_here, check_acts_here
from jetson_deploy.state.actor import actor
from jetson_deploy.state.directory import StateDirectory
from jetson_deploy.state.journal import Journal, boot_id
from jetson_deploy.state.lock import deployment_lock
from jetson_deploy.store.layout import FSTAB


class Recovered(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="jetson-deploy.recover/1"):
    deployment: str
    result: str
    """`finished`, `undone`, `tidied` or `no-changes`."""
    why: str
    revision: int | None
    """Number of the revision that was being brought."""
    serves: str | None
    """Container that serves now; None: none does."""
    steps: tuple[AnyStep, ...]
    simulated: str | None = None


RESULTS = {"nothing": "no-changes", "finish": "finished", "undo": "undone", "tidy": "tidied"}


def recover(
    root: Path,
    settings: Settings,
    catalog: Catalog,
    deployment: str,
    report: Reporter,
    *,
    wait: bool = False,
    only_plan: bool = False,
    runtime: Runtime | None = None,
    servers: Servers | None = None,
    fstab: Path = FSTAB,
) -> Recovered:
    """Look at every container of the deployment, and finish or undo. `only_plan`: say what would be done.

    Raises LockedError when a run is under way, PreflightError (the engine, a disk), NeedsAttentionError when what
    served before does not serve again.
    """
    check_acts_here(root, settings, "recover")
    runtime, servers = runtime or runtime_of(settings, deployment), servers or open_server
    with deployment_lock(settings.lock_dir, deployment, command="recover", wait=wait, report=report):
        if not only_plan:
            settle_or_report(settings, deployment, report)
        facts = survey(root, settings, catalog, store=None, deployment=deployment, runtime=runtime)
        check_engine_reachable(facts, deployment)
        state = StateDirectory(settings.state_dir, deployment)
        remembered = _remembered(facts, state, deployment, report, write=not only_plan)
        found = _decide(runtime, catalog, deployment, remembered)
        if not only_plan:
            _act(found, settings, runtime, servers, deployment, state, remembered, report, fstab)
            _clear_attention_where_it_serves(facts, runtime, servers, catalog, deployment, state)
    return _answer(found, settings, deployment)


def _clear_attention_where_it_serves(
    facts: HostFacts,
    runtime: Runtime,
    servers: Servers,
    catalog: Catalog,
    deployment: str,
    directory: StateDirectory,
) -> None:
    """Clear the request for manual action once the serving deployment proves itself."""
    state, serving = directory.load(), find_serving(facts.engine, deployment)
    if state is None or state.attention is None or serving is None:
        return
    share = catalog.limits["gpu_share_gate"].value
    target = serving_target(runtime, servers, serving, share)
    if Prover(target, QUICK_TOKENS, fresh=False).prove(silent).failed is None:
        directory.clear_attention()


def recovered_first(
    root: Path,
    settings: Settings,
    catalog: Catalog,
    deployment: str,
    report: Reporter,
    runtime: Runtime,
    servers: Servers,
    *,
    store: Path | None,
    model: str | None = None,
) -> tuple[HostFacts, State | None]:
    """The facts and the record, after whatever was left unfinished is not any more. The lock is held.

    `model`: that is asked for by name.
    """
    facts = survey(root, settings, catalog, store=store, deployment=deployment, runtime=runtime, model=model)
    directory = StateDirectory(settings.state_dir, deployment)
    if facts.engine is None or not is_known(facts.engine, deployment):
        return facts, directory.load(report)  # the plan refuses, with the reason
    state = _remembered(facts, directory, deployment, report, write=True)
    if not unfinished(facts.engine, state, deployment):
        return facts, state
    found = _decide(runtime, catalog, deployment, state)
    _act(found, settings, runtime, servers, deployment, directory, state, report)
    again = survey(root, settings, catalog, store=store, deployment=deployment, runtime=runtime, model=model)
    return again, directory.load(report)


def recover_unfinished(
    root: Path,
    settings: Settings,
    catalog: Catalog,
    deployment: str,
    report: Reporter,
    runtime: Runtime | None = None,
    servers: Servers | None = None,
) -> None:
    """Before a reading command: as `recover` where a run was interrupted. Never a reason to refuse."""
    if not acts_here(root, settings):
        return  # the command refuses
    runtime = runtime or runtime_of(settings, deployment)
    try:
        state = StateDirectory(settings.state_dir, deployment).load()
        if not unfinished(engine_now(runtime), state, deployment):
            return
    except JetsonDeployError:
        return  # the command fails in the same way, and reports it
    try:
        recover(root, settings, catalog, deployment, report, runtime=runtime, servers=servers)
    except LockedError as error:
        report(Note(level="info", text=f"a change is under way: {error.message}"))
    except JetsonDeployError as error:
        report(Note(level="warning", text=f"an earlier run was left unfinished: {error.message}; {error.hint}"))


def _remembered(
    facts: HostFacts, directory: StateDirectory, deployment: str, report: Reporter, *, write: bool
) -> State | None:
    """The record; built again from the containers where it is lost."""
    state = directory.load(report)
    mine = ours(facts.engine, deployment)
    if state is not None or not mine:
        return state
    state = rebuilt(deployment, mine, actor("recover"))
    report(Note(level="warning", text="there was no record of this deployment: built again from its containers"))
    if not write:
        return state
    try:
        return directory.save(state)
    except JetsonDeployError as error:
        report(Note(level="warning", text=f"and could not be written: {error.message}"))
        return state


def _decide(runtime: Runtime, catalog: Catalog, deployment: str, state: State | None) -> Recovery:
    share = catalog.limits["gpu_share_gate"].value
    intent = state.intent if state else None
    this_boot = intent is not None and intent.boot_id in (None, boot_id())
    return recovery(look(runtime, deployment), intent, share, stopping=this_boot)


def _act(
    found: Recovery,
    settings: Settings,
    runtime: Runtime,
    servers: Servers,
    deployment: str,
    directory: StateDirectory,
    state: State | None,
    report: Reporter,
    fstab: Path = FSTAB,
) -> None:
    if found.kind == "nothing":
        return
    check_disks(found.steps, look(runtime, deployment), fstab)
    intent = state.intent if state else None
    why = f"{found.why} ({_how_it_ended(intent)})" if intent else found.why
    report(Note(level="warning", text=f"{why}: {_DOING[found.kind]}"))
    draft = intent.revision if intent and intent.revision.number == found.revision else None
    by = actor("recover")
    journal = Journal(
        directory,
        by,
        report,
        draft=draft,
        why=why,
        rebuilt=lambda: _over(directory.load(), rebuilt(deployment, look(runtime, deployment), by)),
    )
    actions = DeploymentActions(
        runtime=runtime,
        servers=servers,
        deployment=deployment,
        state=directory,
        journal=journal,
        settings=settings,
        report=report,
    )
    hooks = StepHooks(run="recover", crash_at=settings.crash_at, report=report)
    try:
        with shielded():
            execute(found.steps, actions, hooks)
    except JetsonDeployError as error:
        raise _stuck(found, journal, error) from error


def _how_it_ended(intent: Intent) -> str:
    began = f"`{intent.command}` of {intent.at}"
    if None in (intent.boot_id, boot_id()):
        return f"{began} did not end"
    return f"{began} was killed" if intent.boot_id == boot_id() else f"the host was restarted during {began}"


def _over(known: State | None, seen: State) -> State:
    """What the containers say, over what is on record of other revisions."""
    if known is None:
        return seen
    state = msgspec.structs.replace(
        known,
        current=seen.current,
        previous=seen.previous,
        intent=None,
        numbered=max(known.last_number, seen.last_number),
    )
    for revision in seen.revisions:
        if state.revision(revision.number) is None:
            state = state.with_revision(revision)
    return state.with_line(seen.lines[-1]) if seen.lines else state


_DOING = {"finish": "its commit is finished", "undo": "it is undone", "tidy": "they are set"}


def _stuck(found: Recovery, journal: Journal, error: JetsonDeployError) -> JetsonDeployError:
    """An engine that went away is asked again later; a server that does not serve needs manual action."""
    if error.exit_code != 1:
        return error
    what = f"{found.serves or 'nothing'} was started again but {error.message}" if found.serves else error.message
    return journal.stuck(NeedsAttentionError(found.why, hint=error.hint, code="needs-attention"), what, error.hint)


def _answer(found: Recovery, settings: Settings, deployment: str) -> Recovered:
    return Recovered(
        deployment=deployment,
        result=RESULTS[found.kind],
        why=found.why,
        revision=found.revision,
        serves=found.serves,
        steps=found.steps,
        simulated=settings.rehearsal,
    )
