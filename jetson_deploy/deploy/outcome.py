"""Outcome of a change of the deployment: the answer of `up` and `rollback`."""

from __future__ import annotations

import msgspec

from jetson_deploy.deployment.plan import Plan
from jetson_deploy.deployment.proof import Proof
from jetson_deploy.events import Verdict
from jetson_deploy.settings import Settings


class Outcome(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="jetson-deploy.up/1"):
    result: str
    """`done` or `no-changes`."""
    deployment: str
    endpoint: str
    container: str
    image: str
    model: str
    context_tokens: int
    tokens_per_second: float | None
    """Measured in the proof."""
    gpu_share: float | None
    accept_cpu: bool
    simulated: str | None
    verdicts: tuple[Verdict, ...]
    warnings: tuple[str, ...]
    assumptions: tuple[str, ...]
    downtime_seconds: float | None = None
    """From the stop of the server before to the first token of the new one. None: none was stopped."""


def outcome(result: str, settings: Settings, plan: Plan, proof: Proof) -> Outcome:
    return Outcome(
        result=result,
        deployment=plan.deployment,
        endpoint=plan.endpoint,
        container=plan.container,
        image=plan.image.reference,
        model=plan.model.name,
        context_tokens=plan.model.context_tokens,
        tokens_per_second=proof.tokens_per_second,
        gpu_share=proof.gpu_share,
        accept_cpu=plan.accept_cpu,
        simulated=settings.rehearsal,
        verdicts=proof.verdicts,
        warnings=plan.warnings,
        assumptions=plan.assumptions,
        downtime_seconds=proof.downtime_seconds,
    )
