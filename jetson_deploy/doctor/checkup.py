"""Look at everything that can make a deployment fail; what cannot be looked at is said, and is not fine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from jetson_deploy.catalog.bounded import given_up
from jetson_deploy.catalog.symptoms import fitting, of_kernel
from jetson_deploy.deploy.survey import survey
from jetson_deploy.deployment.finding import Finding, refused
from jetson_deploy.deployment.request import as_deployed
from jetson_deploy.detect.host import Host
from jetson_deploy.detect.looked import look_at
from jetson_deploy.doctor.explained import explained
from jetson_deploy.doctor.finding import Checkup, HostFinding
from jetson_deploy.doctor.patient import Patient, Seen, of_log
from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.facts import HostFacts
from jetson_deploy.plan.known_issues import judge
from jetson_deploy.plan.make import draft_plan
from jetson_deploy.plan.remarks import host_warnings
from jetson_deploy.state import after_reboot

if TYPE_CHECKING:
    from jetson_deploy.deployment.revisions import State
    from jetson_deploy.runtime.port import Runtime

KERNEL_LOG = "recorded/kernel.log"
_KERNEL_LIMIT = 4 << 20
_CAPTURED = "a captured root has none of it"


def facts_of(patient: Patient, runtime: Runtime | None) -> HostFacts:
    return survey(
        patient.root,
        patient.settings,
        patient.catalog,
        store=patient.store,
        deployment=patient.deployment,
        runtime=runtime,
    )


def check_up(patient: Patient, runtime: Runtime | None, facts: HostFacts | None = None) -> Checkup:
    """Never raises for what it finds. `runtime`: of this machine; None for a captured root. `facts`: where known."""
    seen = Seen()
    facts = facts or facts_of(patient, runtime)
    findings = [
        *_host(patient, facts, runtime, seen),
        *_probed(patient, facts, seen),
        *_running(patient, facts, runtime, seen),
        *_kernel_log(patient, seen),
    ]
    return Checkup(
        root=str(patient.root),
        findings=_mendable(explained(findings, patient.issues), facts),
        looked_at=tuple(seen.looked_at),
        not_looked_at=(*seen.gaps, *given_up()),
        not_judged=seen.not_judged,
    )


def _host(patient: Patient, facts: HostFacts, runtime: Runtime | None, seen: Seen) -> Iterator[Finding]:
    """All that stands against a deployment, and what a plan would warn of."""
    seen.looked_at += ["host", *(["engine"] if facts.engine else []), *(["store"] if facts.store else [])]
    if facts.engine is None:
        seen.gaps.append("the engine: no answer of it is recorded")
    if patient.live:
        yield from after_reboot.findings(patient.settings.state_dir)
    request = as_deployed(patient.deployment, patient.settings)
    try:
        state = state_of(patient)
        draft = draft_plan(facts, request, patient.catalog, state, patient.servers)
    except JetsonDeployError as error:
        yield refused(error)
        yield from host_warnings(facts, patient.catalog)
        return
    yield from draft.findings
    if draft.plan is None:
        yield from host_warnings(facts, patient.catalog)
    if patient.try_gpu and runtime is not None:
        from jetson_deploy.doctor.trial import tried

        yield from tried(patient, draft.plan, runtime, seen)


def _mendable(findings: tuple[HostFinding, ...], facts: HostFacts) -> tuple[HostFinding, ...]:
    """Steps of prepare are named where it does them: on a Jetson."""
    if facts.is_jetson is not False and not facts.system.drive:
        return findings
    return tuple(msgspec.structs.replace(one, steps=()) for one in findings)


def state_of(patient: Patient) -> State | None:
    if not patient.live:
        from jetson_deploy.state.captured import captured_state

        return captured_state(patient.root, patient.deployment)
    from jetson_deploy.state.directory import StateDirectory

    return StateDirectory(patient.settings.state_dir, patient.deployment).load()


def _probed(patient: Patient, facts: HostFacts, seen: Seen) -> Iterator[Finding]:
    """What the catalog's own probes show."""
    issues = [one for one in patient.issues.values() if one.probe is not None]
    judged = judge(facts, look_at(Host(patient.root), issues, facts.kernel), issues)
    seen.not_judged = judged.unknown
    yield from judged.findings


def _running(patient: Patient, facts: HostFacts, runtime: Runtime | None, seen: Seen) -> Iterator[Finding]:
    if runtime is None:
        seen.gaps.append(f"the running server and its log: {_CAPTURED}")
        return
    from jetson_deploy.doctor.running import running  # a captured root needs none of what asks a server

    yield from running(patient, facts, runtime, seen)


def _kernel_log(patient: Patient, seen: Seen) -> Iterator[Finding]:
    if patient.settings.rehearsal is not None:
        seen.gaps.append("the kernel's log: it is this machine's, and not the simulated board's")
        return
    log = _kernel_text(patient, seen)
    if log is not None:
        seen.looked_at.append("kernel log")
        yield from (of_log(fit, "the kernel's log") for fit in fitting(log, of_kernel(patient.issues.values())))


def _kernel_text(patient: Patient, seen: Seen) -> str | None:
    if not patient.live:
        log = Host(patient.root).read_text(KERNEL_LOG, limit=_KERNEL_LIMIT, quiet=True)
        seen.gaps += [] if log is not None else ["the kernel's log: not recorded"]
        return log
    from jetson_deploy.doctor.tails import kernel_log

    try:
        return kernel_log()
    except OSError as error:
        advice = " (run it with sudo)" if isinstance(error, PermissionError) else ""
        seen.gaps.append(f"the kernel's log: {error.strerror or error}{advice}")
        return None
