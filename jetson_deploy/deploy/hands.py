"""Bind the engine's and the server's verbs to one deployment: the only place where both meet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jetson_deploy.catalog.load import load_issues
from jetson_deploy.deploy.cutover import Hands
from jetson_deploy.deploy.state import StateDirectory
from jetson_deploy.deploy.verify import PROOF_TOKENS, QUICK_TOKENS, Proof, Prover, Target
from jetson_deploy.engine import containers
from jetson_deploy.engine.connect import connect
from jetson_deploy.engine.state import ContainerState
from jetson_deploy.errors import UnhealthyError
from jetson_deploy.events import Reporter
from jetson_deploy.ollama.client import OllamaClient
from jetson_deploy.ollama.diagnose import Cause, likely_cause
from jetson_deploy.ollama.log import read_server_log
from jetson_deploy.plan.plan import Gates, Plan
from jetson_deploy.plan.serving import LABEL, Serving
from jetson_deploy.settings import Settings

if TYPE_CHECKING:
    import docker

LOG_LINES = 600
ANSWER_SECONDS = 30.0


def bind(
    client: docker.APIClient,
    plan: Plan,
    serving: Serving | None,
    state: StateDirectory,
    overlays: Sequence[Path],
    report: Reporter,
) -> Hands:
    """The hands of one run of `up`."""

    def prove(container: str) -> Proof:
        return Prover(plan_target(client, plan, container), PROOF_TOKENS).prove(report)

    def still_serves(container: str) -> Proof:
        if serving is None:
            return Proof(verdicts=(), tokens_per_second=None, gpu_share=None)
        return Prover(serving_target(client, serving, plan.gates.min_gpu_share), QUICK_TOKENS).prove(report)

    def explain(container: str) -> tuple[Cause | None, str]:
        found = inspect(client, container)
        log = containers.logs(client, container, tail=LOG_LINES)
        issues = load_issues(overlays)
        return likely_cause(log, exit_code=found.exit_code, oom_killed=found.oom_killed, issues=issues), log

    return Hands(
        create=lambda name, spec: containers.create(client, name, spec),
        start=lambda name: containers.start(client, name),
        stop=lambda name, seconds: containers.stop(client, name, seconds),
        remove=lambda name: _remove_ours(client, plan.deployment, name),
        rename=lambda name, new: containers.rename(client, name, new),
        set_restart=lambda name, policy: containers.set_restart(client, name, policy),
        prove=prove,
        still_serves=still_serves,
        explain=explain,
        keep_evidence=lambda log: state.keep_evidence(_revision(plan), log),
    )


def _remove_ours(client: docker.APIClient, deployment: str, container: str) -> None:
    """Whoever took the name in the meantime is not touched."""
    found = containers.inspect(client, container)
    if found is not None and found.labels.get(LABEL + "name") == deployment:
        containers.remove(client, found.id, force=True)


def plan_target(client: docker.APIClient, plan: Plan, container: str) -> Target:
    """The questions that the plan demands of `container`."""
    return Target(
        client=OllamaClient(plan.endpoint, timeout=ANSWER_SECONDS),
        container=container,
        model=plan.model.name,
        gates=plan.gates,
        predicted=plan.model.predicted_tokens_per_second,
        port=int(plan.endpoint.rsplit(":", 1)[1]),
        inspect=lambda: inspect(client, container),
        read_log=lambda: read_server_log(containers.logs(client, container, tail=LOG_LINES)),
    )


def serving_target(client: docker.APIClient, serving: Serving, min_gpu_share: float) -> Target:
    """The questions that a deployment answers by its own labels."""
    return Target(
        client=OllamaClient(f"http://127.0.0.1:{serving.port}", timeout=ANSWER_SECONDS),
        container=serving.container,
        model=serving.model,
        gates=Gates(
            min_gpu_share=min_gpu_share,
            accept_cpu=serving.accept_cpu,
            floor_tokens_per_second=None,
            expect_version=None,
            expect_manifest_digest=serving.manifest_digest,
        ),
        predicted=None,
        port=serving.port,
        inspect=lambda: inspect(client, serving.container),
        read_log=lambda: read_server_log(containers.logs(client, serving.container, tail=LOG_LINES)),
    )


def inspect(client: docker.APIClient, container: str) -> ContainerState:
    """Its state. Raises UnhealthyError when it is gone."""
    found = containers.inspect(client, container)
    if found is None:
        raise UnhealthyError(
            f"container {container} is gone",
            hint="somebody removed it; run up again",
            code="container-gone",
        )
    return found


def engine(settings: Settings) -> docker.APIClient:
    return connect(settings.docker_host)


def _revision(plan: Plan) -> int:
    return int(plan.container.rsplit("-", 1)[1])
