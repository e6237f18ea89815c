"""The actions of a run on one deployment: the only place where runtime, server, store and state meet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from jetson_deploy.catalog.load import load_issues
from jetson_deploy.deploy.drift import different_now
from jetson_deploy.deploy.run.prune import collect_deployment
from jetson_deploy.deploy.run.speculation import Measured, measure
from jetson_deploy.deploy.run.stability import settle
from jetson_deploy.deploy.run.target import LOG_LINES, as_facts, inspect, target_of
from jetson_deploy.deploy.run.verify import PROOF_TOKENS, Prover
from jetson_deploy.deployment.drift import RESTART, creation_difference
from jetson_deploy.deployment.instance import CANDIDATE, revision_of
from jetson_deploy.deployment.plan import Gates, PinModel, Remember, Speed
from jetson_deploy.deployment.proof import Proof
from jetson_deploy.deployment.record import Record, deployment_of, label_of, self_describing
from jetson_deploy.detect.oom_kills import container_oom_kills
from jetson_deploy.errors import InternalError
from jetson_deploy.events import Reporter, Verdict, silent
from jetson_deploy.facts import ContainerFacts
from jetson_deploy.names import parse_model_name
from jetson_deploy.runtime.port import Runtime
from jetson_deploy.server.cause import Cause, known_cause
from jetson_deploy.server.diagnose import causes
from jetson_deploy.server.port import Servers
from jetson_deploy.server_kinds import stop_seconds
from jetson_deploy.settings import Settings
from jetson_deploy.spec import ContainerSpec
from jetson_deploy.state.directory import StateDirectory
from jetson_deploy.state.journal import Journal

_HOST = Path("/")
"""What acts acts on this machine; another host's container is not among its cgroups."""


class DeploymentActions(msgspec.Struct, kw_only=True):
    """The actions of one run on one deployment (`execute.Actions`)."""

    runtime: Runtime
    servers: Servers
    deployment: str
    state: StateDirectory
    journal: Journal
    settings: Settings
    report: Reporter
    gates: Gates | None = None
    """What a new container is labelled with."""
    predicted: Speed | None = None
    """Of the new one."""

    def create(self, container: str, spec: ContainerSpec) -> str:
        full = self_describing(spec, self.gates) if self.gates else spec
        made = self.runtime.create(container, full)
        # What this engine makes otherwise is no later drift: `up` would replace the container for ever.
        differences = different_now(self.runtime, full.labels, container)
        self.journal.creation_differences(tuple(creation_difference(d) for d in differences if d.what != RESTART))
        return made

    def start(self, container: str) -> None:
        self.runtime.start(container)

    def stop(self, container: str) -> None:
        found = self.runtime.inspect(container)
        self.runtime.stop(container, stop_seconds(Record.read(found.labels if found else {}).server))

    def remove(self, container: str) -> None:
        """Whoever took the name in the meantime is not touched."""
        found = self.runtime.inspect(container)
        if found is not None and deployment_of(found.labels) == self.deployment:
            self.runtime.remove(found.id, force=True)

    def rename(self, container: str, new_name: str) -> None:
        self.runtime.rename(container, new_name)

    def set_restart(self, container: str, policy: str) -> None:
        self.runtime.set_restart(container, policy)

    def prove(self, container: str, gates: Gates, *, quietly: bool = False) -> Proof:
        fresh = container.endswith(CANDIDATE)
        target = target_of(self.runtime, self.servers, container, gates, self.predicted if fresh else None)
        return Prover(target, PROOF_TOKENS, fresh=fresh).prove(silent if quietly else self.report)

    def measure(self, container: str) -> Measured:
        if self.gates is None:
            raise InternalError("a server is measured without gates", hint="report it", code="bug")
        return measure(target_of(self.runtime, self.servers, container, self.gates))

    def settle_on(self, spec: ContainerSpec) -> None:
        self.journal.settled_on(spec)

    def tell(self, verdict: Verdict) -> None:
        self.report(verdict)

    def settle(self, container: str, seconds: float) -> Verdict:
        if self.gates is None:
            raise InternalError("a server is watched without gates", hint="report it", code="bug")
        verdict = settle(target_of(self.runtime, self.servers, container, self.gates), seconds)
        self.report(verdict)
        return verdict

    def pin(self, step: PinModel) -> None:
        from jetson_deploy.store.pinned import pin_manifest

        pin_manifest(Path(step.store), parse_model_name(step.name), step.manifest_digest or "")

    def remember(self, step: Remember, proof: Proof) -> None:
        self.journal.remember(step, proof)

    def collect(self, keep: tuple[str, ...]) -> None:
        lock_dir = self.settings.lock_dir
        collect_deployment(self.runtime, self.deployment, keep, self.state, self.report, lock_dir=lock_dir)

    def look(self) -> list[ContainerFacts]:
        return look(self.runtime, self.deployment)

    def explain(self, container: str, issue: str) -> tuple[Cause | None, str]:
        return explain(self.runtime, container, self.settings.catalog_dirs, issue)

    def keep_evidence(self, what: str, container: str) -> Path:
        found = inspect(self.runtime, container)
        files = {
            "server.log": self.runtime.logs(container, tail=LOG_LINES),
            "container.json": msgspec.json.format(msgspec.json.encode(found), indent=1).decode(),
        }
        kept = self.state.keep_evidence(revision_of(as_facts(found)), what, files)
        if what == "server":
            self.journal.evidence = str(kept)
        return kept


def look(runtime: Runtime, deployment: str) -> list[ContainerFacts]:
    """The deployment's containers, with their restart policies."""
    found = []
    for one in runtime.labelled(*label_of(deployment)):
        state = runtime.inspect(one.id)
        if state is not None:
            found.append(as_facts(state))
    return found


def explain(runtime: Runtime, container: str, overlays: Sequence[Path], issue: str = "") -> tuple[Cause | None, str]:
    """The likely cause of a server's failure, and its log. `issue`: the known one that a check showed."""
    found = inspect(runtime, container)
    log = runtime.logs(container, tail=LOG_LINES)
    issues = load_issues(overlays)
    if cause := known_cause(issue, issues):
        return cause, log
    oom_killed = found.oom_killed or bool(container_oom_kills(_HOST, found.pid, found.id))
    known = causes(log, exit_code=found.exit_code, oom_killed=oom_killed, issues=issues)
    return next(known, None), log
