"""The deployment that serves on this machine, its log, and the engine's where that does not answer."""

from __future__ import annotations

from collections.abc import Iterator

from jetson_deploy.catalog.symptoms import believed_order, fitting, is_general
from jetson_deploy.deploy.status import read_status
from jetson_deploy.deployment.finding import Finding, refused
from jetson_deploy.deployment.instance import Instance, find_serving, is_known
from jetson_deploy.doctor.patient import Patient, Seen, of_log
from jetson_deploy.doctor.tails import engine_log
from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.events import silent
from jetson_deploy.facts import HostFacts
from jetson_deploy.runtime.port import Runtime

_LOG_LINES = 2000


def running(patient: Patient, facts: HostFacts, runtime: Runtime, seen: Seen) -> Iterator[Finding]:
    """With a real generation; of the log what shows something else than the check that failed."""
    if facts.engine is None or not is_known(facts.engine, patient.deployment):
        seen.gaps.append(f"deployment {patient.deployment}: no engine answers")
        yield from _engine_log(patient, facts, seen)
        return
    serving = find_serving(facts.engine, patient.deployment)
    if serving is None:
        seen.gaps.append(f"deployment {patient.deployment}: nothing is deployed under that name")
        return
    try:
        status = read_status(
            facts,
            patient.settings,
            patient.catalog,
            patient.deployment,
            silent,
            drift=True,
            runtime=runtime,
            servers=patient.servers,
        )
    except JetsonDeployError as error:
        yield refused(error)
        return
    seen.looked_at.append("deployment")
    seen.gaps += status.not_compared
    yield from status.findings
    yield from _server_log(patient, serving, runtime, seen)


def _server_log(patient: Patient, serving: Instance, runtime: Runtime, seen: Seen) -> Iterator[Finding]:
    try:
        log = runtime.logs(serving.container, tail=_LOG_LINES)
    except JetsonDeployError as error:
        seen.gaps.append(f"the server's log: {error.message}")
        return
    seen.looked_at.append("server log")
    accepted = serving.record.accept_cpu
    for fit in fitting(log, believed_order(patient.issues.values(), "log")):
        if not is_general(fit.issue) and not (accepted and "cpu-serves" in fit.issue.explains):
            yield of_log(fit, "the server's log")


def _engine_log(patient: Patient, facts: HostFacts, seen: Seen) -> Iterator[Finding]:
    if patient.settings.rehearsal is not None:
        return
    try:
        log = engine_log()
    except OSError as error:
        seen.gaps.append(f"the engine's log: {error.strerror or error}")
        return
    seen.looked_at.append("engine log")
    text = f"{facts.engine.problem or ''}\n{log}" if facts.engine else log
    known = believed_order(patient.issues.values(), "engine")
    yield from (of_log(fit, "the engine's log") for fit in fitting(text, known))
