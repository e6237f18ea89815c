"""Why a server failed: the likely cause from its log, and what is kept for whoever looks later."""

from __future__ import annotations

from jetson_deploy.deploy.run.execute import Actions
from jetson_deploy.deployment.instance import CANDIDATE
from jetson_deploy.deployment.plan import Plan
from jetson_deploy.deployment.record import deployment_of
from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.server.cause import Cause

SAID_BY_THE_CHECK = ("cpu-fallback",)
"""Causes that only repeat what the failed check has said, with a hint of its own."""
LOGS_VERB = "jetson-deploy logs"
"""Shows a container that is there; the one that failed is removed, its log is kept in a file."""


def explained(plan: Plan, actions: Actions, error: JetsonDeployError, issue: str = "") -> JetsonDeployError:
    """The error, with the likely cause in its message and hint: the `issue` of the failed check, else by the log."""
    try:
        names = {c.name for c in actions.look() if deployment_of(c.labels) == plan.deployment}
        container = next((n for n in (plan.container + CANDIDATE, plan.container) if n in names), None)
        if container is None:
            return error  # there is no container that could say anything
        cause, log = actions.explain(container, issue)
    except Exception:  # a cause that cannot be found must not keep the cutover from being undone
        return error
    hint, details = _kept(container, log, actions, error.hint) if log else (_silent(plan, error.hint), ())
    if cause is None or cause.id in SAID_BY_THE_CHECK:
        return error.with_context(hint=hint, details=details)
    message = f"{error.message}; likely cause: {cause.title}"
    return error.with_context(message=message, hint=cause.hint, details=(*details, *log_line(cause)))


def log_line(cause: Cause) -> tuple[str, ...]:
    """None where the check itself showed the cause."""
    return (f"log line: {cause.evidence}",) if cause.evidence else ()


def _silent(plan: Plan, hint: str) -> str:
    if LOGS_VERB not in hint:
        return hint
    program, image = plan.spec.entrypoint[0], plan.spec.image
    return f"it logged nothing; try it: docker run --rm --entrypoint {program} {image} --version"


def _kept(container: str, log: str, actions: Actions, hint: str) -> tuple[str, tuple[str, ...]]:
    """The hint, which then names the file, and the details that tell where the log is."""
    try:
        kept = actions.keep_evidence("server", container)
    except JetsonDeployError as lost:
        return hint, (f"its log could not be kept: {lost.message}", *log.splitlines()[-5:])
    return hint.replace(LOGS_VERB, f"{kept}/server.log"), (f"evidence kept in {kept}",)
