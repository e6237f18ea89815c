"""Look at everything that can make a deployment fail; what cannot be looked at is said, and is not fine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.catalog.entries import Issue
from jetson_deploy.catalog.symptoms import Fit, believed_order, fitting, is_general, of_kernel
from jetson_deploy.deploy.status import read_status
from jetson_deploy.deploy.survey import survey
from jetson_deploy.deployment.finding import Finding, refused
from jetson_deploy.deployment.instance import Instance, find_serving
from jetson_deploy.deployment.request import as_deployed
from jetson_deploy.deployment.revisions import State
from jetson_deploy.detect.host import Host
from jetson_deploy.detect.looked import look_at
from jetson_deploy.doctor.explained import explained
from jetson_deploy.doctor.finding import Checkup
from jetson_deploy.doctor.tails import engine_log, kernel_log, recorded_kernel_log
from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.events import silent
from jetson_deploy.facts import HostFacts
from jetson_deploy.plan.known_issues import judge
from jetson_deploy.plan.make import draft_plan
from jetson_deploy.plan.remarks import host_warnings
from jetson_deploy.runtime.port import Runtime
from jetson_deploy.server.port import Server
from jetson_deploy.settings import Settings, acts_here
from jetson_deploy.state.directory import StateDirectory

_LOG_LINES = 2000
_CAPTURED = "a captured root has none of it"


class Patient(msgspec.Struct, frozen=True, kw_only=True):
    """Who is looked at, and with what."""

    root: Path
    settings: Settings
    catalog: Catalog
    issues: Mapping[str, Issue]
    deployment: str
    runtime: Runtime
    server: Server
    store: Path | None = None

    @property
    def live(self) -> bool:
        return acts_here(self.root, self.settings)


class _Seen(msgspec.Struct, kw_only=True):
    looked_at: list[str] = []
    gaps: list[str] = []
    not_judged: dict[str, str] = {}


def check_up(patient: Patient) -> Checkup:
    """Never raises for what it finds: a check that cannot be made is among what was not looked at."""
    seen = _Seen()
    facts = survey(
        patient.root,
        patient.settings,
        patient.catalog,
        store=patient.store,
        deployment=patient.deployment,
        runtime=patient.runtime if patient.live else None,
    )
    findings = [
        *_host(patient, facts, seen),
        *_probed(patient, facts, seen),
        *_deployment(patient, facts, seen),
        *_engine_log(patient, facts, seen),
        *_kernel_log(patient, seen),
    ]
    return Checkup(
        root=str(patient.root),
        findings=explained(findings, patient.issues),
        looked_at=tuple(seen.looked_at),
        not_looked_at=tuple(seen.gaps),
        not_judged=seen.not_judged,
    )


def _host(patient: Patient, facts: HostFacts, seen: _Seen) -> Iterator[Finding]:
    """All that stands against a deployment, and what a plan would warn of."""
    seen.looked_at += ["host", *(["engine"] if facts.engine else []), *(["store"] if facts.store else [])]
    if facts.engine is None:
        seen.gaps.append("the engine: no answer of it is recorded")
    request = as_deployed(patient.deployment, patient.settings)
    try:
        state = _state(patient)
        draft = draft_plan(facts, request, patient.catalog, state, patient.server)
    except JetsonDeployError as error:
        yield refused(error)
        yield from host_warnings(facts, patient.catalog)
        return
    yield from draft.findings
    if draft.plan is None:
        yield from host_warnings(facts, patient.catalog)


def _state(patient: Patient) -> State | None:
    return StateDirectory(patient.settings.state_dir, patient.deployment).load() if patient.live else None


def _probed(patient: Patient, facts: HostFacts, seen: _Seen) -> Iterator[Finding]:
    """What the catalog's own probes show."""
    issues = [one for one in patient.issues.values() if one.probe is not None]
    judged = judge(facts, look_at(Host(patient.root), issues, facts.kernel), issues)
    seen.not_judged = judged.unknown
    yield from judged.findings


def _deployment(patient: Patient, facts: HostFacts, seen: _Seen) -> Iterator[Finding]:
    """The one that serves, with a real generation; its log, where it shows something else than the failed check."""
    serving = find_serving(facts.engine, patient.deployment)
    if not patient.live:
        seen.gaps.append(f"the running server and its log: {_CAPTURED}")
        return
    if serving is None or facts.engine is None or not facts.engine.reachable:
        why = "nothing is deployed under that name" if facts.engine and facts.engine.reachable else "no engine answers"
        seen.gaps.append(f"deployment {patient.deployment}: {why}")
        return
    try:
        status = read_status(
            facts,
            patient.settings,
            patient.catalog,
            patient.deployment,
            silent,
            drift=True,
            runtime=patient.runtime,
            server=patient.server,
        )
    except JetsonDeployError as error:
        yield refused(error)
        return
    seen.looked_at.append("deployment")
    seen.gaps += status.not_compared
    yield from status.findings
    said = {text for one in status.findings for text in (one.cause, one.evidence)}
    yield from (one for one in _server_log(patient, serving, seen) if one.cause not in said)


def _server_log(patient: Patient, serving: Instance, seen: _Seen) -> Iterator[Finding]:
    try:
        log = patient.runtime.logs(serving.container, tail=_LOG_LINES)
    except JetsonDeployError as error:
        seen.gaps.append(f"the server's log: {error.message}")
        return
    seen.looked_at.append("server log")
    accepted = serving.record.accept_cpu
    for fit in fitting(log, believed_order(patient.issues.values(), "log")):
        if not is_general(fit.issue) and not (accepted and "cpu-serves" in fit.issue.explains):
            yield _of_log(fit, "the server's log")


def _engine_log(patient: Patient, facts: HostFacts, seen: _Seen) -> Iterator[Finding]:
    """Asked for only where the engine cannot be used."""
    if facts.engine is None or facts.engine.reachable or not patient.live or patient.settings.rehearsal:
        return
    try:
        log = engine_log()
    except OSError as error:
        seen.gaps.append(f"the engine's log: {error.strerror or error}")
        return
    seen.looked_at.append("engine log")
    text = f"{facts.engine.problem or ''}\n{log}"
    yield from (
        _of_log(fit, "the engine's log") for fit in fitting(text, believed_order(patient.issues.values(), "engine"))
    )


def _kernel_log(patient: Patient, seen: _Seen) -> Iterator[Finding]:
    if patient.settings.rehearsal is not None:
        seen.gaps.append("the kernel's log: it is this machine's, and not the simulated board's")
        return
    log = _kernel_text(patient, seen)
    if log is not None:
        seen.looked_at.append("kernel log")
        yield from (_of_log(fit, "the kernel's log") for fit in fitting(log, of_kernel(patient.issues.values())))


def _kernel_text(patient: Patient, seen: _Seen) -> str | None:
    if not patient.live:
        log = recorded_kernel_log(Host(patient.root))
        seen.gaps += [] if log is not None else ["the kernel's log: not recorded"]
        return log
    try:
        return kernel_log()
    except OSError as error:
        advice = " (run it with sudo)" if isinstance(error, PermissionError) else ""
        seen.gaps.append(f"the kernel's log: {error.strerror or error}{advice}")
        return None


def _of_log(fit: Fit, where: str) -> Finding:
    """A line tells what was, not that it is so now: no reason to refuse."""
    return Finding(
        id=fit.issue.id,
        severity="warning",
        evidence=f"{where}: {fit.line}",
        cause=fit.issue.title,
        fix=fit.advice,
    )
