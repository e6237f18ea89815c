"""The catalog of this host: built-in data with the user's overlays over it.

What reads YAML is imported when there is YAML to read: with no overlay, the compiled form of the built-in data does.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jetson_deploy.catalog.catalog import Catalog
from jetson_deploy.catalog.compiled import ISSUES, compiled_catalog, compiled_issues, place
from jetson_deploy.catalog.layers import SYSTEM_DIR, Layer, all_layers, user_config_dir

if TYPE_CHECKING:
    from jetson_deploy.catalog.alert_rules import AlertRule
    from jetson_deploy.catalog.entries import Issue


def load_catalog(
    overlays: Sequence[Path] = (),
    *,
    built_in: Path | None = None,
    system_dir: Path = SYSTEM_DIR,
    user_dir: Path | None = None,
) -> Catalog:
    """Everything but the issues. `overlays`: directories holding profiles/ and/or containers/, the last wins.

    `user_dir` None: found from XDG_CONFIG_HOME and HOME. Raises CatalogError (exit 2).
    """
    layers = all_layers(overlays, built_in, system_dir, user_dir or user_config_dir())

    def read() -> Catalog:
        from jetson_deploy.catalog.read import read_catalog

        return read_catalog(layers)

    return compiled_catalog(layers[0].directory, place(), read) if _built_in_alone(layers, built_in) else read()


def _built_in_alone(layers: Sequence[Layer], named: Path | None) -> bool:
    return named is None and len(layers) == 1


def load_issues(
    overlays: Sequence[Path] = (),
    *,
    built_in: Path | None = None,
    system_dir: Path = SYSTEM_DIR,
    user_dir: Path | None = None,
) -> dict[str, Issue]:
    """The known issues by id. Raises CatalogError (exit 2)."""
    layers = all_layers(overlays, built_in, system_dir, user_dir or user_config_dir())

    def read() -> dict[str, Issue]:
        from jetson_deploy.catalog.read import read_issues

        return read_issues(layers)

    alone = _built_in_alone(layers, built_in)
    return compiled_issues(layers[0].directory, place(ISSUES), read) if alone else read()


def load_alerts(
    overlays: Sequence[Path] = (),
    *,
    built_in: Path | None = None,
    system_dir: Path = SYSTEM_DIR,
    user_dir: Path | None = None,
) -> dict[str, AlertRule]:
    """The monitor's rules by id; read by it alone. Raises CatalogError (exit 2)."""
    from jetson_deploy.catalog.read import read_alerts

    return read_alerts(all_layers(overlays, built_in, system_dir, user_dir or user_config_dir()))
