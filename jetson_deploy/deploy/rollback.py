"""`rollback`: deploy an earlier revision again, as it was, under a new number."""

from __future__ import annotations

from pathlib import Path

import msgspec

from jetson_deploy.deploy.change import Change, change
from jetson_deploy.deploy.lock import deployment_lock
from jetson_deploy.deploy.outcome import Outcome, outcome
from jetson_deploy.deploy.recover import recovered_first
from jetson_deploy.deploy.state import StateDirectory
from jetson_deploy.deploy.survey import check_acts_here, survey
from jetson_deploy.deploy.up import Run
from jetson_deploy.errors import UnhealthyError
from jetson_deploy.facts import HostFacts
from jetson_deploy.plan.plan import Plan
from jetson_deploy.plan.revisions import Revision, State
from jetson_deploy.plan.revive import choose_revision, revive
from jetson_deploy.plan.serving import find_serving, number_label
from jetson_deploy.settings import Settings


def roll_back(run: Run, number: int | None, *, verb: str = "rollback") -> Outcome:
    """Deploy revision `number` (None: the one before the current) again, proven by its own gates.

    Raises JetsonDeployError; the host is then as it was before. RolledBackError: it failed, the current one serves.
    `verb`: who did it, for the record.
    """
    check_acts_here(run.root, run.settings, "rollback")
    name = run.request.name
    with deployment_lock(run.settings.lock_dir, name, verb=verb, wait=run.wait, report=run.report):
        facts, state = recovered_first(run.root, run.settings, run.catalog, name, run.report, store=None)
        plan, facts = _plan(run, facts, state, number)
        wanted = Change(
            verb="rollback",
            by=verb,
            done=f"{plan.model.reason.removeprefix('that of ')} again",
            plan=plan,
            facts=facts,
            serving=find_serving(facts.engine, name),
            settings=run.settings,
            report=run.report,
        )
        plan, proof = change(wanted)
        return outcome("done", run.settings, plan, proof)


def rollback_plan(run: Run, number: int | None) -> Plan:
    """What `roll_back` would do now; nothing is changed, so an unfinished run is not undone first."""
    check_acts_here(run.root, run.settings, "rollback")
    state = StateDirectory(run.settings.state_dir, run.request.name).load(run.report)
    facts = survey(run.root, run.settings, run.catalog, store=None, deployment=run.request.name)
    return _plan(run, facts, state, number)[0]


def _plan(run: Run, facts: HostFacts, state: State | None, number: int | None) -> tuple[Plan, HostFacts]:
    revision = choose_revision(state, number, run.request.name, force=run.request.force)
    _check_not_current(state, revision, run.request.force)
    facts = survey(
        run.root,
        _with_port(run.settings, revision),
        run.catalog,
        store=Path(revision.store),
        deployment=run.request.name,
    )
    return revive(facts, run.request, state, revision, run.catalog.limits), facts


def _check_not_current(state: State | None, revision: Revision, force: bool) -> None:
    if state is not None and state.current == revision.number and not force:
        raise UnhealthyError(
            f"revision {revision.number} is the one that is deployed",
            hint="jetson-deploy status tells how it is; --force replaces its container",
            code="already-current",
        )


def _with_port(settings: Settings, revision: Revision) -> Settings:
    """The revision's own port is the one that must be free."""
    if revision.spec is None:
        return settings
    return msgspec.structs.replace(settings, port=number_label(revision.spec.labels, "port"))
