"""Who is looked at, with what, and what has been looked at so far."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.catalog.entries import Issue
from jetson_deploy.catalog.symptoms import Fit
from jetson_deploy.deployment.finding import Finding
from jetson_deploy.server.port import Servers
from jetson_deploy.settings import Settings, acts_here


class Patient(msgspec.Struct, frozen=True, kw_only=True):
    root: Path
    settings: Settings
    catalog: Catalog
    issues: Mapping[str, Issue]
    deployment: str
    servers: Servers
    store: Path | None = None
    try_gpu: bool = False
    """By a container that is started for a moment."""

    @property
    def live(self) -> bool:
        return acts_here(self.root, self.settings)


class Seen(msgspec.Struct, kw_only=True):
    looked_at: list[str] = []
    gaps: list[str] = []
    not_judged: dict[str, str] = {}


def of_log(fit: Fit, where: str) -> Finding:
    """A line tells what was, not that it is so now: no reason to refuse."""
    return Finding(
        id=fit.issue.id,
        severity="warning",
        evidence=f"{where}: {fit.line}",
        cause=fit.issue.title,
        fix=fit.advice,
    )
