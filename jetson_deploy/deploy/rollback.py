"""`rollback`: deploy an earlier revision again, as it was, under a new number."""

from __future__ import annotations

from pathlib import Path

import msgspec

from jetson_deploy.deploy.outcome import Outcome, outcome
from jetson_deploy.deploy.recover import recovered_first
from jetson_deploy.deploy.run.change import Change, change
from jetson_deploy.deploy.survey import survey
from jetson_deploy.deploy.up import Run, asked
from jetson_deploy.deployment.instance import find_serving
from jetson_deploy.deployment.plan import Plan
from jetson_deploy.deployment.record import Record
from jetson_deploy.deployment.revisions import Revision, State
from jetson_deploy.events import Note
from jetson_deploy.facts import HostFacts
from jetson_deploy.plan.rollback import choose_revision, plan_rollback
from jetson_deploy.settings import Settings, check_acts_here
from jetson_deploy.state.directory import StateDirectory
from jetson_deploy.state.lock import deployment_lock


def roll_back(run: Run, number: int | None, *, command: str = "rollback") -> Outcome:
    """Deploy revision `number` (None: the one before the current) again, proven by its own gates.

    Raises JetsonDeployError; the host is then as it was before. RolledBackError: it failed, the current one serves.
    `command`: who did it, for the record.
    """
    check_acts_here(run.root, run.settings, "rollback")
    name = run.request.name
    with deployment_lock(run.settings.lock_dir, name, command=command, wait=run.wait, report=run.report):
        was_intended = _intended(run, name)
        facts, state = recovered_first(
            run.root, run.settings, run.catalog, name, run.report, run.runtime, run.servers, store=None
        )
        if number is None and state is not None and was_intended == state.current is not None:
            number = state.current  # the rollback that died was finished just now: not one further back
        plan, facts = _plan(run, facts, state, number)
        if not plan.steps:
            proof = asked(run.runtime, run.servers, plan, run.report)
            if proof.failed is None:
                return outcome("no-changes", run.settings, plan, proof)
            run.report(Note(level="warning", text=f"deployed, but {proof.failed.observed}: replacing it"))
            plan, facts = _plan(_forced(run), facts, state, number)
        wanted = Change(
            command="rollback",
            by=command,
            done=f"{plan.model.reason.removeprefix('that of ')} again",
            plan=plan,
            facts=facts,
            serving=find_serving(facts.engine, name),
            settings=run.settings,
            runtime=run.runtime,
            servers=run.servers,
            report=run.report,
            force=run.request.force,
        )
        plan, proof = change(wanted)
        return outcome("done", run.settings, plan, proof)


def _intended(run: Run, name: str) -> int | None:
    """Number that a rollback which did not end was bringing."""
    state = StateDirectory(run.settings.state_dir, name).load()
    intent = state.intent if state else None
    return intent.revision.number if intent and intent.command == "rollback" else None


def rollback_plan(run: Run, number: int | None) -> Plan:
    """What `roll_back` would do now; nothing is changed, so an unfinished run is not undone first."""
    check_acts_here(run.root, run.settings, "rollback")
    state = StateDirectory(run.settings.state_dir, run.request.name).load(run.report)
    facts = survey(run.root, run.settings, run.catalog, store=None, deployment=run.request.name, runtime=run.runtime)
    return _plan(run, facts, state, number)[0]


def _plan(run: Run, facts: HostFacts, state: State | None, number: int | None) -> tuple[Plan, HostFacts]:
    revision = choose_revision(state, number, run.request.name, force=run.request.force)
    facts = survey(
        run.root,
        _with_port(run.settings, revision),
        run.catalog,
        store=Path(revision.store),
        deployment=run.request.name,
        runtime=run.runtime,
    )
    return plan_rollback(facts, run.request, state, revision, run.catalog.limits), facts


def _forced(run: Run) -> Run:
    return msgspec.structs.replace(run, request=msgspec.structs.replace(run.request, force=True))


def _with_port(settings: Settings, revision: Revision) -> Settings:
    """The revision's own port is the one that must be free."""
    if revision.spec is None:
        return settings
    return msgspec.structs.replace(settings, port=Record.read(revision.spec.labels).port)
