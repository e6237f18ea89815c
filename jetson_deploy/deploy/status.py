"""What serves now, asked of the engine and the server; nothing is changed."""

from __future__ import annotations

from pathlib import Path

import msgspec

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.deploy import hands as binding
from jetson_deploy.deploy.state import StateDirectory
from jetson_deploy.deploy.survey import check_acts_here, survey
from jetson_deploy.deploy.verify import QUICK_TOKENS, Prover
from jetson_deploy.errors import UnhealthyError
from jetson_deploy.events import Reporter, Verdict
from jetson_deploy.facts import HostFacts
from jetson_deploy.plan.preflight import check_engine_reachable
from jetson_deploy.plan.serving import Serving, find_serving, leftovers
from jetson_deploy.settings import Settings


class Status(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="jetson-deploy.status/1"):
    deployment: str
    healthy: bool
    container: str
    revision: int
    endpoint: str
    image: str
    model: str
    context_tokens: int
    accept_cpu: bool
    simulated: str | None
    gpu_share: float | None
    tokens_per_second_proven: float | None
    """Measured when it was deployed; status itself generates too little to tell."""
    proven_at: str | None
    leftovers: tuple[str, ...]
    verdicts: tuple[Verdict, ...]


def read_status(facts: HostFacts, settings: Settings, catalog: Catalog, deployment: str, report: Reporter) -> Status:
    """Raises UnhealthyError `nothing-deployed` when there is no deployment of that name."""
    check_engine_reachable(facts)
    serving = require_serving(facts, deployment)
    share = catalog.limits["gpu_share_gate"].value
    proof = Prover(binding.serving_target(binding.engine(settings), serving, share), QUICK_TOKENS).prove(report)
    record = StateDirectory(settings.state_dir, deployment).read()
    mine = record if record and record.container == serving.container else None
    return Status(
        deployment=deployment,
        healthy=proof.failed is None,
        container=serving.container,
        revision=serving.revision,
        endpoint=f"http://127.0.0.1:{serving.port}",
        image=serving.image,
        model=serving.model,
        context_tokens=serving.context_tokens,
        accept_cpu=serving.accept_cpu,
        simulated=serving.simulated,
        gpu_share=proof.gpu_share,
        tokens_per_second_proven=mine.tokens_per_second if mine else None,
        proven_at=mine.proven_at if mine else None,
        leftovers=tuple(c.name for c in leftovers(facts.engine, deployment, serving)),
        verdicts=proof.verdicts,
    )


def find_deployment(root: Path, settings: Settings, catalog: Catalog, deployment: str, verb: str) -> Serving:
    """What serves on this machine under that name, by its labels; nothing is asked of the server.

    Raises UsageError for a captured root, PreflightError (the engine), UnhealthyError `nothing-deployed`.
    """
    check_acts_here(root, settings, verb)
    facts = survey(root, settings, catalog, store=None, deployment=deployment)
    check_engine_reachable(facts)
    return require_serving(facts, deployment)


def require_serving(facts: HostFacts, deployment: str) -> Serving:
    """The deployment, or UnhealthyError `nothing-deployed`."""
    serving = find_serving(facts.engine, deployment)
    if serving is None:
        raise UnhealthyError(
            f"nothing is deployed under the name {deployment!r}",
            hint="jetson-deploy up deploys it; another deployment is named with --name",
            code="nothing-deployed",
        )
    return serving
