"""An engine of three dictionaries for the tests of the cutover: what it was told stands in `calls`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from jetson_deploy.deploy.run.execute import Hands
from jetson_deploy.deployment.plan import Gates, Plan
from jetson_deploy.deployment.proof import Proof
from jetson_deploy.deployment.record import LABEL
from jetson_deploy.deployment.revisions import Actor, Revision
from jetson_deploy.events import Reporter, Verdict, silent
from jetson_deploy.facts import ContainerFacts
from jetson_deploy.spec import ContainerSpec
from jetson_deploy.state.directory import StateDirectory
from jetson_deploy.state.journal import Journal

GOOD = Proof(verdicts=(), tokens_per_second=20.0, gpu_share=1.0)
ON_CPU = Proof(
    verdicts=(Verdict(check="gpu", passed=False, observed="0% on the GPU", expected="at least 95%", hint="fix it"),),
    tokens_per_second=3.0,
    gpu_share=0.0,
)
STABLE = Verdict(check="stability", passed=True, observed="still serves", expected="serves on")


class SmallEngine:
    """Containers by name. `fails`: the call that raises `error`, by its first words; `proofs`: by container."""

    def __init__(
        self, *names: str, fails: str = "", error: BaseException | None = None, proofs: dict[str, Proof] | None = None
    ) -> None:
        self.containers = {name: _container(name, "running", "always") for name in names}
        self.calls: list[str] = []
        self._fails, self._error, self._proofs = fails, error, proofs or {}

    def hands(self, journal: Journal, **changes: Any) -> Hands:
        def told(verb: str, deed: Callable[..., Any]) -> Callable[..., Any]:
            def call(*arguments: Any) -> Any:
                words = [str(a) for a in arguments if isinstance(a, str)]
                self._tell(" ".join([verb, *words]))
                return deed(*arguments)

            return call

        hands = Hands(
            create=told("create", self._create),
            start=told("start", lambda name: self._set(name, state="running")),
            stop=told("stop", lambda name: self._set(name, state="exited")),
            remove=told("remove", lambda name: self.containers.pop(name, None)),
            rename=told("rename", self._rename),
            set_restart=told("set-restart", lambda name, policy: self._set(name, restart_policy=policy)),
            prove=told("prove", lambda name, gates: self._proofs.get(name, GOOD)),
            settle=told("settle", lambda name, seconds: STABLE),
            pin=lambda step: self._tell(f"pin {step.name}"),
            remember=lambda step, proof: journal.remember(step, proof),
            collect=lambda keep: self._tell(f"collect {' '.join(keep)}"),
            look=lambda: list(self.containers.values()),
            explain=lambda name: (None, ""),
            keep_evidence=lambda what, name: Path("/nowhere"),
        )
        return msgspec.structs.replace(hands, **changes)

    def _tell(self, call: str) -> None:
        self.calls.append(call)
        if self._error is not None and call.startswith(self._fails):
            raise self._error

    def _create(self, name: str, spec: ContainerSpec) -> str:
        self.containers[name] = _container(name, "created", spec.restart)
        return name

    def _set(self, name: str, **changes: str) -> None:
        self.containers[name] = msgspec.structs.replace(self.containers[name], **changes)

    def _rename(self, name: str, new: str) -> None:
        self.containers[new] = msgspec.structs.replace(self.containers.pop(name), name=new)


def _container(name: str, state: str, policy: str) -> ContainerFacts:
    labels = {LABEL + "name": "default", LABEL + "revision": name.split("-")[2]}
    return ContainerFacts(id=name, name=name, state=state, image="dustynv/ollama", labels=labels, restart_policy=policy)


def journal_of(plan: Plan, directory: Path, report: Reporter = silent) -> Journal:
    state = StateDirectory(directory, plan.deployment)
    state.prepare()
    return Journal(state, Actor(user="tester", verb="up"), report, draft=draft_of(plan))


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
