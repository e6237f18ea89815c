"""Status of the running deployment, asked of the runtime and the server."""

from __future__ import annotations

from pathlib import Path

import msgspec

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.deploy.drift import find_drift
from jetson_deploy.deploy.health import health_findings, threats
from jetson_deploy.deploy.opened import runtime_of
from jetson_deploy.deploy.run.target import serving_target
from jetson_deploy.deploy.run.verify import QUICK_TOKENS, Prover
from jetson_deploy.deploy.survey import survey
from jetson_deploy.deployment.drifted import Drifted
from jetson_deploy.deployment.finding import Finding
from jetson_deploy.deployment.instance import Instance, find_previous, find_serving, leftovers, ours, revision_of
from jetson_deploy.deployment.recovery import unfinished
from jetson_deploy.deployment.revisions import Line, Revision, State
from jetson_deploy.endpoint import local_endpoint
from jetson_deploy.errors import JetsonDeployError, UnhealthyError
from jetson_deploy.events import Event, Note, Reporter, Verdict
from jetson_deploy.expose.door import DoorFiles, Exposed
from jetson_deploy.expose.keys import utc_now
from jetson_deploy.expose.record import load_record
from jetson_deploy.expose.record import threats as door_threats
from jetson_deploy.facts import HostFacts
from jetson_deploy.plan.preflight import check_engine_reachable
from jetson_deploy.runtime.port import Runtime
from jetson_deploy.server.opened import open_server
from jetson_deploy.server.port import Servers
from jetson_deploy.settings import Settings, check_acts_here
from jetson_deploy.state import after_reboot
from jetson_deploy.state.directory import StateDirectory
from jetson_deploy.state.lock import holder


class Previous(msgspec.Struct, frozen=True, kw_only=True):
    revision: int
    container: str
    kept: bool
    """Its container is there: `rollback` needs no pull."""


class Status(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="jetson-deploy.status/1"):
    deployment: str
    healthy: bool
    container: str
    revision: int
    endpoint: str
    image: str
    server: str
    """Kind, as in `server_kinds.py`."""
    server_lacks: str = ""
    """What clients of the usual server miss here; empty: nothing."""
    model: str
    context_tokens: int
    accept_cpu: bool
    given_l4t: str | msgspec.UnsetType = msgspec.UNSET
    """What `--l4t` said of a host that hides its release; left out: nothing was said."""
    simulated: str | None
    gpu_share: float | None
    tokens_per_second_proven: float | None
    """Measured when it was deployed; status itself generates too little to tell."""
    proven_at: str | None
    leftovers: tuple[str, ...]
    verdicts: tuple[Verdict, ...]
    restart_policy: str | None = None
    """Anything but `always`: it does not come back by itself after a power cut. None: unknown."""
    previous: Previous | None = None
    attention: str | None = None
    unfinished: str | None = None
    """A run that is under way, or died."""
    last: Line | None = None
    """What was done to it last."""
    notes: tuple[str, ...] = ()
    """Why the record could not be used."""
    drift: tuple[Drifted, ...] | None = None
    """None: not asked for."""
    not_compared: tuple[str, ...] = ()
    """What no drift was looked for in, and why."""
    exposed: Exposed | None = None
    """None: no door leads to it from a network."""
    findings: tuple[Finding, ...] = ()
    """All of it with ids: the check that failed with its likely cause, what threatens it, the drift."""

    @property
    def drifted(self) -> bool:
        """Something that serves, or would after the next start, is not as it was proven."""
        return any(one.level == "warning" for one in self.drift or ())


def read_status(
    facts: HostFacts,
    settings: Settings,
    catalog: Catalog,
    deployment: str,
    report: Reporter,
    *,
    drift: bool = False,
    deep: bool = False,
    runtime: Runtime | None = None,
    servers: Servers | None = None,
) -> Status:
    """`drift`: what differs from what was deployed too; `deep`: hash the model's files for it.

    Raises UnhealthyError `nothing-deployed` when there is no deployment of that name."""
    runtime, servers = runtime or runtime_of(settings, deployment), servers or open_server
    check_engine_reachable(facts, deployment)
    noted: list[Finding] = []
    state = _load(settings, deployment, noted)
    serving = require_serving(facts, deployment, state)
    noted += _another(serving, state)
    share = catalog.limits["gpu_share_gate"].value
    proof = Prover(serving_target(runtime, servers, serving, share), QUICK_TOKENS).prove(report)
    mine = state.revision(serving.record.revision) if state else None
    container = next((c for c in ours(facts.engine, deployment) if c.id == serving.container_id), None)
    actual = runtime.details(serving.container)
    policy = actual.restart if actual else container.restart_policy if container else None
    looked = (
        find_drift(facts, runtime, servers, settings, catalog, deployment, serving, state, deep=deep) if drift else None
    )
    exposed, at_the_door = _exposed(settings, deployment, serving)
    attention, begun = state.attention if state else None, _unfinished(facts, settings, deployment, state)
    return Status(
        deployment=deployment,
        healthy=proof.failed is None,
        container=serving.container,
        revision=serving.record.revision,
        endpoint=local_endpoint(serving.record.port).url,
        image=serving.record.image,
        server=serving.record.server,
        server_lacks=servers(serving.record.server).lacks,
        model=serving.record.model,
        context_tokens=serving.record.context_tokens,
        accept_cpu=serving.record.accept_cpu,
        given_l4t=serving.record.kept("given-l4t") or msgspec.UNSET,
        simulated=serving.record.simulated,
        gpu_share=proof.gpu_share,
        tokens_per_second_proven=mine.tokens_per_second if mine else None,
        proven_at=(mine.at or None) if mine else None,
        leftovers=tuple(c.name for c in leftovers(facts.engine, deployment, serving)),
        verdicts=proof.verdicts,
        restart_policy=policy,
        previous=_previous(facts, deployment, serving, state),
        attention=attention,
        unfinished=_in_one_line(begun),
        last=state.lines[-1] if state and state.lines else None,
        notes=tuple(one.line for one in noted),
        exposed=exposed,
        drift=looked.findings if looked else None,
        not_compared=looked.not_compared if looked else (),
        findings=(
            *health_findings(proof, runtime, servers, settings, serving),
            *threats(policy, attention, begun),
            *noted,
            *after_reboot.findings(settings.state_dir),
            *at_the_door,
            *(one.finding for one in (looked.findings if looked else ())),
        ),
    )


def _load(settings: Settings, deployment: str, noted: list[Finding]) -> State | None:
    """A record that cannot be used is said, and never a reason not to tell what serves."""

    def keep(event: Event) -> None:
        if isinstance(event, Note):
            noted.append(Finding(id="record-odd", severity="warning", evidence=event.text))

    try:
        return StateDirectory(settings.state_dir, deployment).load(keep)
    except JetsonDeployError as error:
        noted.append(Finding(id=error.code, severity="warning", evidence=error.message, fix=error.hint))
        return None


def _exposed(settings: Settings, deployment: str, serving: Instance) -> tuple[Exposed | None, tuple[Finding, ...]]:
    """The door, and what keeps clients out or soon will."""
    files = DoorFiles(settings.state_dir, deployment)
    try:
        exposed = load_record(files)
    except JetsonDeployError as error:
        return None, (Finding(id=error.code, severity="warning", evidence=error.message, fix=error.hint),)
    if exposed is None:
        return None, ()
    return exposed, door_threats(files, exposed, serving.record.port, utc_now())


def _another(serving: Instance, state: State | None) -> list[Finding]:
    """The container of the current revision was removed by a user: the rest is not the last deployed revision."""
    current = state.revision(state.current) if state else None
    if current is None or current.number == serving.record.revision:
        return []
    text = f"revision {current.number} was deployed, and its container {current.container} is gone"
    return [Finding(id="revision-gone", severity="warning", evidence=text, fix=_again(current))]


def _again(current: Revision) -> str:
    return f"jetson-deploy rollback {current.number} --force deploys it again as it was"


def _previous(facts: HostFacts, deployment: str, serving: Instance, state: State | None) -> Previous | None:
    container = find_previous(facts.engine, deployment, serving)
    if container is not None:
        return Previous(revision=revision_of(container), container=container.name, kept=True)
    recorded = state.revision(state.previous) if state else None
    return Previous(revision=recorded.number, container=recorded.container, kept=False) if recorded else None


def _unfinished(facts: HostFacts, settings: Settings, deployment: str, state: State | None) -> Finding | None:
    """The lock tells a run that is under way from one that died."""
    found = holder(settings.lock_dir, deployment)
    if found is not None:
        return Finding(id="run-under-way", severity="note", evidence=f"a run is under way{found.description}")
    if not unfinished(facts.engine, state, deployment):
        return None
    what = f"`{state.intent.command}` started at {state.intent.at}" if state and state.intent else "an earlier run"
    text, fix = f"interrupted run: {what}", "sudo jetson-deploy recover"
    return Finding(id="interrupted-run", severity="warning", evidence=text, fix=fix)


def _in_one_line(begun: Finding | None) -> str | None:
    if begun is None:
        return None
    return f"{begun.evidence}. Run: {begun.fix}" if begun.fix else begun.evidence


def find_deployment(
    root: Path, settings: Settings, catalog: Catalog, deployment: str, command: str, *, runtime: Runtime | None = None
) -> Instance:
    """What serves on this machine under that name, by its labels; nothing is asked of the server.

    Raises UsageError for a captured root, PreflightError (the engine), UnhealthyError `nothing-deployed`.
    """
    check_acts_here(root, settings, command)
    facts = survey(root, settings, catalog, store=None, deployment=deployment, runtime=runtime)
    check_engine_reachable(facts, deployment)
    return require_serving(facts, deployment)


def require_serving(facts: HostFacts, deployment: str, state: State | None = None) -> Instance:
    """The deployment, or UnhealthyError `nothing-deployed`; with the record it tells what was."""
    serving = find_serving(facts.engine, deployment)
    if serving is not None:
        return serving
    current = state.revision(state.current) if state else None
    message = f"nothing is deployed under the name {deployment!r}"
    if current is None:
        hint = "jetson-deploy up deploys it; another deployment is named with --name"
        raise UnhealthyError(message, hint=hint, code="nothing-deployed")
    attention = (f"needs attention: {state.attention}",) if state and state.attention else ()
    raise UnhealthyError(
        f"{message} any more: container {current.container} of revision {current.number} is gone",
        hint=f"{_again(current)}; jetson-deploy up makes a new one",
        code="nothing-deployed",
        details=attention,
    )
