"""`up`: plan, stage, cut over, prove, remember. A converged host is asked, not changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.catalog.entries import Issue
from jetson_deploy.deploy.blocking import blocking_issues
from jetson_deploy.deploy.drift import edited_since
from jetson_deploy.deploy.outcome import Outcome, outcome
from jetson_deploy.deploy.recover import recovered_first
from jetson_deploy.deploy.run.change import Change, change
from jetson_deploy.deploy.run.target import target_of
from jetson_deploy.deploy.run.verify import QUICK_TOKENS, Prover
from jetson_deploy.deployment.drift import policy_only
from jetson_deploy.deployment.instance import find_serving
from jetson_deploy.deployment.plan import CreateContainer, Plan, SetRestart
from jetson_deploy.deployment.proof import Proof
from jetson_deploy.deployment.request import Request
from jetson_deploy.deployment.revisions import State
from jetson_deploy.events import Note, Reporter
from jetson_deploy.facts import HostFacts
from jetson_deploy.plan.make import draft_plan
from jetson_deploy.runtime.port import Runtime
from jetson_deploy.server.port import Servers
from jetson_deploy.settings import Settings, check_acts_here
from jetson_deploy.state.directory import StateDirectory
from jetson_deploy.state.lock import deployment_lock


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """Everything one run of `up` or `rollback` is made of."""

    request: Request
    settings: Settings
    runtime: Runtime
    servers: Servers
    root: Path
    store: Path | None
    catalog: Catalog
    report: Reporter
    wait: bool = False
    """For another run to end, instead of exit 75."""
    when_idle: float | None = None
    """Replace a server only where it was asked nothing for so many seconds."""
    issues: Mapping[str, Issue] = {}
    """Known ones, by id: a host that shows a blocking one is refused."""


def bring_up(run: Run) -> Outcome:
    """Make the host as requested. Raises JetsonDeployError; the host is then as it was before."""
    check_acts_here(run.root, run.settings, "up")
    name = run.request.name
    with deployment_lock(run.settings.lock_dir, name, command="up", wait=run.wait, report=run.report):
        facts, state = recovered_first(
            run.root,
            run.settings,
            run.catalog,
            name,
            run.report,
            run.runtime,
            run.servers,
            store=run.store,
            model=run.request.model,
        )
        known = blocking_issues(run.root, facts, run.issues)
        plan = draft_plan(facts, run.request, run.catalog, state, run.servers, known).accepted()
        if not any(isinstance(step, CreateContainer) for step in plan.steps):
            return _kept(run, facts, state, plan)
        return _carry_out(run, facts, plan, run.when_idle)


def _kept(run: Run, facts: HostFacts, state: State | None, plan: Plan) -> Outcome:
    """Its container stays, by its labels: is that true of the container, and does it serve?"""
    edited = edited_since(facts, run.runtime, state, plan.container)
    if edited and not policy_only(edited):
        what = ", ".join(f"{d.what}: {d.found} instead of {d.deployed}" for d in edited[:3])
        return _replaced(run, facts, state, f"its container was changed ({what})", run.when_idle)
    if edited:
        plan = _with_policy(run, plan)
    plan, proof = _changed(run, facts, plan) if plan.steps else (plan, None)
    if proof is None or not proof.verdicts:  # the server went on serving
        proof = asked(run.runtime, run.servers, plan, run.report)
    if proof.failed is None:
        StateDirectory(run.settings.state_dir, plan.deployment).clear_attention()
        return outcome("done" if plan.steps else "no-changes", run.settings, plan, proof)
    return _replaced(run, facts, state, proof.failed.observed)


def _with_policy(run: Run, plan: Plan) -> Plan:
    run.report(Note(level="warning", text="the restart policy was changed: it would not come back after a power cut"))
    if any(isinstance(step, SetRestart) for step in plan.steps):
        return plan
    step = SetRestart(container=plan.container, policy="always", why="it is the serving one")
    return msgspec.structs.replace(plan, steps=(*plan.steps, step))


def _replaced(run: Run, facts: HostFacts, state: State | None, why: str, when_idle: float | None = None) -> Outcome:
    """`when_idle`: of one that serves; what fails its checks is not waited for."""
    run.report(Note(level="warning", text=f"deployed, but {why}: replacing it"))
    forced = msgspec.structs.replace(run.request, force=True)
    plan = draft_plan(facts, forced, run.catalog, state, run.servers).accepted()
    return _carry_out(run, facts, plan, when_idle)


def _carry_out(run: Run, facts: HostFacts, plan: Plan, when_idle: float | None) -> Outcome:
    idle = _idle_check(run, facts, when_idle) if when_idle is not None else None
    if idle is not None:
        idle()
    plan, proof = _changed(run, facts, plan, idle)
    return outcome("done", run.settings, plan, proof)


def _changed(run: Run, facts: HostFacts, plan: Plan, last_look: Callable[[], None] | None = None) -> tuple[Plan, Proof]:
    for text in (*plan.warnings, *(f"assumed: {a}" for a in plan.assumptions)):
        run.report(Note(level="warning", text=text))
    return change(_change(run, facts, plan, last_look))


def _idle_check(run: Run, facts: HostFacts, seconds: float) -> Callable[[], None]:
    from jetson_deploy.deploy.in_use import check_idle

    serving = find_serving(facts.engine, run.request.name)
    return lambda: check_idle(run.runtime, run.servers, serving, seconds, run.report)


def _change(run: Run, facts: HostFacts, plan: Plan, last_look: Callable[[], None] | None) -> Change:
    return Change(
        command="up",
        plan=plan,
        facts=facts,
        serving=find_serving(facts.engine, plan.deployment),
        settings=run.settings,
        runtime=run.runtime,
        servers=run.servers,
        report=run.report,
        force=run.request.force,
        last_look=last_look,
    )


def asked(runtime: Runtime, servers: Servers, plan: Plan, report: Reporter) -> Proof:
    """What serves answers the plan's questions, shortly."""
    target = target_of(runtime, servers, plan.container, plan.gates)
    return Prover(target, QUICK_TOKENS, fresh=False).prove(report)
