"""Findings of `status`: the failed check with its likely cause, and threats to the running server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from jetson_deploy.deploy.run.actions import explain
from jetson_deploy.deploy.run.evidence import SAID_BY_THE_CHECK, log_line
from jetson_deploy.deployment.drift import COMMITTED
from jetson_deploy.deployment.finding import Finding, failed_check
from jetson_deploy.deployment.instance import Instance
from jetson_deploy.deployment.proof import Proof
from jetson_deploy.errors import JetsonDeployError
from jetson_deploy.runtime.port import Runtime
from jetson_deploy.server.cause import Cause
from jetson_deploy.server.port import Servers
from jetson_deploy.settings import Settings
from jetson_deploy.store.layout import FSTAB, missing_mount


def health_findings(
    proof: Proof,
    runtime: Runtime,
    servers: Servers,
    settings: Settings,
    serving: Instance,
    *,
    fstab: Path = FSTAB,
) -> tuple[Finding, ...]:
    """The engine is asked for the log only where a check failed."""
    container, store = serving.container, serving.record.store
    point = missing_mount(Path(store), fstab) if store else None
    if proof.failed is None:
        return (_not_mounted(point, store),) if point else ()
    if point:
        missing = _not_mounted(point, store)
        return (failed_check(proof.failed, cause=missing.evidence, fix=f"{missing.fix}; docker start {container}"),)
    cause = _cause(runtime, settings, container, proof.failed.issue or "")
    if cause is None:
        return (failed_check(proof.failed),)
    return (failed_check(proof.failed, cause=cause.title, fix=cause.hint, details=log_line(cause)),)


def _not_mounted(point: str, store: str) -> Finding:
    """By itself while the server still has in memory what it needs, or the store was once made without that disk."""
    return Finding(
        id="store-not-mounted",
        severity="warning",
        evidence=f"{point} is listed in {FSTAB} but not mounted, and the store {store} lies there",
        fix=f"sudo mount {point}",
    )


def _cause(runtime: Runtime, settings: Settings, container: str, issue: str) -> Cause | None:
    """None where none fits, or where the engine cannot tell: the check has failed all the same."""
    try:
        cause, _ = explain(runtime, container, settings.catalog_dirs, issue)
    except JetsonDeployError:
        return None
    return None if cause is None or cause.id in SAID_BY_THE_CHECK else cause


def threats(policy: str | None, attention: str | None, unfinished: Finding | None) -> Iterator[Finding]:
    """What does not keep it from serving now."""
    if attention:
        yield Finding(
            id="needs-attention",
            severity="warning",
            evidence=attention,
            fix="jetson-deploy history shows the attempts; a rollback, or up --force, that succeeds ends it",
        )
    if unfinished:
        yield unfinished
    if policy not in (None, COMMITTED):
        yield Finding(
            id="restart-policy-not-always",
            severity="warning",
            evidence=f"restart policy is {policy}, not always: does not come back after a power cut",
            fix="jetson-deploy up sets it back",
        )
