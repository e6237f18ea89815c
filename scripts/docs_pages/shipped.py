"""The catalog as it is shipped: overlays of this machine and of this user are left out."""

from __future__ import annotations

import functools
from pathlib import Path

from jetson_deploy.catalog.alert_rules import AlertRule
from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.catalog.entries import Issue
from jetson_deploy.catalog.load import load_alerts, load_catalog, load_issues

NONE = Path("/nonexistent")


@functools.cache
def shipped_catalog() -> Catalog:
    return load_catalog(system_dir=NONE, user_dir=NONE)


@functools.cache
def shipped_alerts() -> dict[str, AlertRule]:
    return load_alerts(system_dir=NONE, user_dir=NONE)


@functools.cache
def shipped_issues() -> dict[str, Issue]:
    return load_issues(system_dir=NONE, user_dir=NONE)
