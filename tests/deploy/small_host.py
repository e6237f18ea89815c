"""A host of the fake runtime for the tests of the cutover: what it is asked to do stands in `calls`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from container import FakeContainer
from runtime import FakeRuntime

from jetson_deploy.deploy.run.actions import DeploymentActions
from jetson_deploy.deployment.plan import Gates, PinModel, Plan
from jetson_deploy.deployment.proof import Proof
from jetson_deploy.deployment.record import LABEL
from jetson_deploy.deployment.revisions import Actor, Revision
from jetson_deploy.events import Reporter, Verdict, silent
from jetson_deploy.server.opened import open_server
from jetson_deploy.settings import Settings
from jetson_deploy.state.directory import StateDirectory
from jetson_deploy.state.journal import Journal

PLANS = Path(__file__).parent / "plans"
GOOD = Proof(verdicts=(), tokens_per_second=20.0, gpu_share=1.0)
ON_CPU = Proof(
    verdicts=(Verdict(check="gpu", passed=False, observed="0% on the GPU", expected="at least 95%", hint="fix it"),),
    tokens_per_second=3.0,
    gpu_share=0.0,
)
STABLE = Verdict(check="stability", passed=True, observed="still serves", expected="serves on")


class SmallHost:
    """Containers by name. `fails`: the call that raises `error`, by its first words; `proofs`: by container."""

    def __init__(
        self, *names: str, fails: str = "", error: BaseException | None = None, proofs: dict[str, Proof] | None = None
    ) -> None:
        self.runtime, self.proofs = FakeRuntime(), proofs or {}
        for path in PLANS.glob("*.json"):
            self.runtime.hold(plan_of(path.stem).spec.image)
        for name in names:
            self.runtime.add(name, {LABEL + "name": "default", LABEL + "revision": name.split("-")[2]})
        if error is not None:
            self.runtime.fail(error, on=fails)

    @property
    def containers(self) -> dict[str, FakeContainer]:
        return self.runtime.containers

    @property
    def calls(self) -> list[str]:
        return self.runtime.acts

    def actions(self, journal: Journal, **changes: Any) -> DeploymentActions:
        """Those of the product on the fake runtime; `changes`: what one of them does instead."""
        actions = ScriptedActions(
            runtime=self.runtime,
            servers=open_server,
            deployment="default",
            state=StateDirectory(Path("/nowhere"), "default"),
            journal=journal,
            settings=Settings(),
            report=silent,
        )
        actions.proofs = self.proofs
        for name, call in changes.items():
            setattr(actions, name, call)
        return actions


class ScriptedActions(DeploymentActions, kw_only=True, dict=True):
    """Nothing is asked of a server, and nothing is written beside the journal."""

    def __post_init__(self) -> None:
        self.proofs: dict[str, Proof] = {}

    def prove(self, container: str, gates: Gates, *, quietly: bool = False) -> Proof:
        self._note(f"prove {container}")
        return self.proofs.get(container, GOOD)

    def settle(self, container: str, seconds: float) -> Verdict:
        self._note(f"settle {container}")
        return STABLE

    def pin(self, step: PinModel) -> None:
        self._note(f"pin {step.name}")

    def collect(self, keep: tuple[str, ...]) -> None:
        self._note(f"collect {' '.join(keep)}")

    def explain(self, container: str, issue: str) -> tuple[None, str]:
        return None, ""

    def keep_evidence(self, what: str, container: str) -> Path:
        return Path("/nowhere")

    def _note(self, act: str) -> None:
        assert isinstance(self.runtime, FakeRuntime)
        self.runtime.act(act)


def plan_of(name: str) -> Plan:
    return msgspec.json.decode((PLANS / f"{name}.json").read_bytes(), type=Plan)


def journal_of(plan: Plan, directory: Path, report: Reporter = silent) -> Journal:
    state = StateDirectory(directory, plan.deployment)
    state.prepare()
    return Journal(state, Actor(user="tester", command="up"), report, draft=draft_of(plan))


def draft_of(plan: Plan, gates: Gates | None = None) -> Revision:
    labels = plan.spec.labels
    return Revision(
        number=int(labels[LABEL + "revision"]),
        container=plan.container,
        outcome="proven",
        image=plan.image.reference,
        image_id=None,
        image_digest=plan.image.digest,
        model=plan.model.name,
        model_digest=plan.model.manifest_digest,
        store=plan.store,
        spec=plan.spec,
        spec_hash=labels[LABEL + "spec-hash"],
        gates=gates or plan.gates,
        context_tokens=plan.model.context_tokens,
        accept_cpu=False,
        simulated=None,
        at="",
    )
