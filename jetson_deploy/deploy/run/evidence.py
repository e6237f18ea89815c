"""Why a server failed: the likely cause from its log, and what is kept for whoever looks later."""

from __future__ import annotations

from jetson_deploy.deploy.run.execute import Hands
from jetson_deploy.deployment.instance import CANDIDATE
from jetson_deploy.deployment.plan import Plan
from jetson_deploy.deployment.record import deployment_of
from jetson_deploy.errors import JetsonDeployError

SAID_BY_THE_CHECK = ("cpu-fallback",)
"""Causes that only repeat what the failed check has said, with a hint of its own."""
LOGS_VERB = "jetson-deploy logs"
"""Shows a container that is there; the one that failed is removed, its log is kept in a file."""


def explained(plan: Plan, hands: Hands, error: JetsonDeployError) -> JetsonDeployError:
    """The same error, with the likely cause from the container's log in its message and hint."""
    try:
        names = {c.name for c in hands.look() if deployment_of(c.labels) == plan.deployment}
        container = next((n for n in (plan.container + CANDIDATE, plan.container) if n in names), None)
        if container is None:
            return error  # there is no container that could say anything
        cause, log = hands.explain(container)
    except Exception:  # a cause that cannot be found must not keep the cutover from being undone
        return error
    if log:
        _keep(container, log, hands, error)
    elif LOGS_VERB in error.hint:
        error.hint = f"it logged nothing; try it: docker run --rm --entrypoint ollama {plan.spec.image} --version"
    if cause is not None and cause.id not in SAID_BY_THE_CHECK:
        error.message += f"; likely cause: {cause.title}"
        error.hint = cause.hint
        error.details = (*error.details, f"log line: {cause.evidence}")
    return error


def _keep(container: str, log: str, hands: Hands, error: JetsonDeployError) -> None:
    try:
        kept = hands.keep_evidence("server", container)
    except JetsonDeployError as lost:
        error.details = (*error.details, f"its log could not be kept: {lost.message}", *log.splitlines()[-5:])
        return
    error.details = (*error.details, f"evidence kept in {kept}")
    error.hint = error.hint.replace(LOGS_VERB, f"{kept}/server.log")
